// Calls from inside: an engine is used by its own callbacks, listeners and outcomes, in the middle of a turn.

import type { Outcome } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { accepted, bench, leading, type Bench } from './bench.ts'
import { blockOf, bytes, noopBlock, text } from './fakes.ts'

describe('an apply callback', () => {
  it('may propose: each entry another one, in order, all answered', async () => {
    const outcomes: Promise<Outcome>[] = []
    const made: Bench = await leading({
      apply: (entry) => {
        const n = Number(text(entry.payload))
        if (n < 100) outcomes.push(accepted(made.engine.addLog(bytes(`${n + 1}`))).outcome)
        return n
      },
    })
    made.engine.addLog(bytes('1'))
    await made.clock.settle()
    const values = (await Promise.all(outcomes)).map((outcome) => outcome.status === 'APPLIED' && outcome.value)
    expect(values).toEqual(Array.from({ length: 99 }, (_, i) => i + 2))
    expect(made.engine.outstanding()).toBe(0)
  })

  it('may propose more than a block holds', async () => {
    const made: Bench = await leading({
      limits: { payloadBytes: 100, blockBytes: 400 },
      apply: (entry) => {
        if (entry.index === 1) for (let i = 0; i < 50; i++) accepted(made.engine.addLog(new Uint8Array(100)))
      },
    })
    made.engine.addLog(bytes('x'))
    await made.clock.settle()
    expect(made.engine.status().partitions[0]).toMatchObject({ applied: 51, outstanding: 0 })
  })

  it('may stop the engine: nothing is applied after it, nothing is announced, and every outcome settles', async () => {
    const made: Bench = await bench({
      partitions: [0, 1],
      apply: (entry) => {
        if (entry.index === 2) void made.engine.stop()
      },
    })
    for (const partition of [0, 1]) {
      made.core(partition).lead(1)
      made.core(partition).put(blockOf(1, 1, ['1', '2', '3']))
      made.core(partition).commit(3)
    }
    await made.clock.advance(10)
    await made.engine.stop()
    expect(made.seen.filter((line) => line.includes('/3'))).toEqual([])
    expect(made.seen.length).toBe(2)
    expect(made.events.filter(([name]) => name === 'leader')).toEqual([])
    expect([made.engine.isLeader(0), made.engine.isLeader(1)]).toEqual([false, false])
    expect(made.clock.pendingTimers).toBe(0)
  })

  it('may stop the engine and wait for it, from a promise', async () => {
    const made: Bench = await leading({
      apply: async () => {
        await made.engine.stop()
      },
    })
    const entry = accepted(made.engine.addLog(bytes('x')))
    await made.clock.settle()
    expect(await entry.outcome).toMatchObject({ status: 'UNKNOWN' })
    expect(made.engine.status().state).toBe('stopped')
  })

  it('may hand leadership over, drain, resume and read', async () => {
    const answers: unknown[] = []
    const made: Bench = await leading({
      apply: (entry) => {
        if (entry.index > 1) return
        void made.engine.transferLeadership(0, 'b').then((result) => answers.push(result))
        void made.engine.drain().then(() => answers.push('drained'))
        void made.engine.read(0, 1, 100).then(({ next }) => answers.push(next))
        made.engine.resume(0)
      },
    })
    made.engine.addLogs([bytes('x'), bytes('y')])
    await made.clock.settle()
    made.core().endTransfer('aborted')
    await made.clock.advance(10)
    expect(answers).toContainEqual({ status: 'ABORTED' })
    expect(answers).toContain('drained')
    expect(made.seen.length).toBe(2)
  })

  it('may return a strange thenable: it counts once, and never for the next entry', async () => {
    const settlers: ((value: string) => void)[] = []
    const made = await leading({
      apply: (entry) => {
        if (entry.index === 1) {
          return {
            then(resolve: (value: string) => void) {
              settlers.push(resolve)
            },
          }
        }
        return new Promise<void>(() => undefined)
      },
    })
    made.engine.addLogs([bytes('1'), bytes('2')])
    await made.clock.settle()
    settlers[0]!('once')
    await made.clock.settle()
    settlers[0]!('twice')
    await made.clock.settle()
    expect(made.engine.status().partitions[0]).toMatchObject({ applied: 1 })

    const throwing = await leading({
      apply: () => ({
        then() {
          throw new Error('not even a promise')
        },
      }),
    })
    throwing.engine.addLog(bytes('x'))
    await throwing.clock.settle()
    expect(throwing.engine.status().partitions[0]!.fault?.code).toBe('CALLBACK_FAILED')
  })
})

describe('a listener', () => {
  it('may propose as soon as leadership is announced', async () => {
    const made = await bench()
    made.engine.on('leader', ({ partition, term }) => {
      accepted(made.engine.addLog(bytes('first'), { partition, term }))
    })
    made.core().lead(3)
    await made.clock.advance(10)
    expect(made.seen).toEqual(['leader 0/1 first'])
  })

  it('may stop the engine on any event', async () => {
    for (const event of ['leader', 'term', 'follower', 'fault'] as const) {
      const made = await bench({
        apply: () => {
          throw new Error('always')
        },
      })
      made.engine.on(event, () => void made.engine.stop())
      made.core().campaignAs('candidate')
      await made.clock.advance(10)
      made.core().lead(1)
      await made.clock.advance(10)
      made.engine.addLog(bytes('x'))
      await made.clock.settle()
      made.core().follow(2, 'b')
      await made.clock.advance(10)
      await made.engine.stop()
      expect([event, made.engine.status().state, made.clock.pendingTimers]).toEqual([event, 'stopped', 0])
      expect(made.engine.isLeader()).toBe(false)
    }
  })

  it('that throws disturbs no other listener of the same event', async () => {
    const { engine, core, clock, events } = await bench()
    const heard: number[] = []
    engine.on('leader', () => {
      throw new Error('a listener failed')
    })
    engine.on('leader', ({ term }) => heard.push(term))
    core().lead(1)
    await clock.advance(10)
    expect(heard).toEqual([1])
    expect(events.filter(([name]) => name === 'warning').length).toBe(1)
  })

  it('may resume on fault', async () => {
    let failures = 0
    const made: Bench = await leading({
      apply: () => {
        if (failures++ < 3) throw new Error('not yet')
      },
    })
    made.engine.on('fault', ({ partition }) => made.engine.resume(partition!))
    const entry = accepted(made.engine.addLog(bytes('x')))
    await made.clock.settle()
    expect(await entry.outcome).toMatchObject({ status: 'APPLIED' })
    expect(made.seen.length).toBe(1)
  })
})

describe('an outcome', () => {
  it('may be followed by a stop, and by the next proposal', async () => {
    const { engine, clock } = await leading()
    const first = accepted(engine.addLog(bytes('1')))
    let second: Promise<Outcome> | undefined
    void first.outcome.then(() => {
      second = accepted(engine.addLog(bytes('2'))).outcome
      void engine.stop()
    })
    await clock.settle()
    expect(await second).toMatchObject({ status: 'UNKNOWN', token: { index: 2 } })
  })

  it('of a batch whose callback fails in the middle is open, then APPLIED after resume, or UNKNOWN after stop', async () => {
    for (const ending of ['resume', 'stop'] as const) {
      let broken = true
      const made = await leading({
        apply: (entry) => {
          if (broken && entry.index === 3) throw new Error('in the middle')
          return entry.index
        },
      })
      const before = accepted(made.engine.addLog(bytes('1')))
      const batch = accepted(made.engine.addLogs([bytes('2'), bytes('3'), bytes('4')]))
      const after = accepted(made.engine.addLog(bytes('5')))
      const early = batch.outcome
      await made.clock.settle()
      expect(await before.outcome).toEqual({ status: 'APPLIED', index: 1, value: 1 })
      expect(made.engine.outstanding()).toBe(3)
      const token = { partition: 0, index: 2, count: 3, term: 1 }
      // Two of three are not done yet: nobody may be told that the batch is.
      expect(await made.engine.outcomeOf(token)).toEqual({ status: 'UNKNOWN', token })
      broken = false
      if (ending === 'resume') {
        made.engine.resume(0)
        await made.clock.settle()
        expect(await early).toEqual({ status: 'APPLIED', index: 2, value: [2, 3, 4] })
        expect(await after.outcome).toMatchObject({ status: 'APPLIED', value: 5 })
      } else {
        await made.engine.stop()
        expect(await early).toEqual({ status: 'UNKNOWN', token })
        expect(await after.outcome).toMatchObject({ status: 'UNKNOWN', token: { index: 5, count: 1 } })
      }
      expect(made.engine.outstanding()).toBe(0)
    }
  })

  it('of the same index in three terms is each told the truth', async () => {
    const { engine, clock, core } = await leading()
    core().autoCommit = false
    const inTerm = [accepted(engine.addLog(bytes('term 1')))]
    await clock.settle()
    for (const term of [3, 5]) {
      core().follow(term - 1, 'b')
      core().put(noopBlock(1, term - 1))
      await clock.advance(10)
      // The no-op is replaced in its turn: index 1 is free once more.
      core().cut(1)
      core().lead(term)
      await clock.advance(10)
      inTerm.push(accepted(engine.addLog(bytes(`term ${term}`))))
      await clock.settle()
    }
    expect(inTerm.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [1, 3],
      [1, 5],
    ])
    core().commit(1)
    await clock.advance(10)
    expect(await Promise.all(inTerm.map(({ outcome }) => outcome))).toEqual([
      { status: 'LOST', by: { term: 5 } },
      { status: 'LOST', by: { term: 5 } },
      { status: 'APPLIED', index: 1, value: undefined },
    ])
    expect(engine.outstanding()).toBe(0)
  })
})
