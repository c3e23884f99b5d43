// The conformance suite of engines: the contract, sentence by sentence, on three nodes with the ports that are given.
//
// Always true: it is told by answers, callbacks, events and status alone. A leader may change at any time on a busy
// machine: a test that needs one write to end well says so by `write`, which asks again as a client would.

import { entryBytes, type Accepted, type Protocol } from '@mako/engine'
import { accepted, EngineCluster, historyOf, type EngineWorld, type LifeOptions } from './engine-cluster.ts'
import {
  bytesOf,
  codeOf,
  REAL_TIME,
  runCases,
  textOf,
  thrownBy,
  type Case,
  type CleanUp,
  type SuiteOptions,
  type TestRunner,
  type TestTime,
} from './runner.ts'

export interface EngineSuiteOptions<Message> extends SuiteOptions {
  /** With short timeouts when time is real: a quarter of a second is enough for an election. */
  readonly createProtocol: () => Protocol<Message>
  readonly createWorld: (time: TestTime) => EngineWorld | Promise<EngineWorld>
  /** Makes the time of one test. @default real time */
  readonly createTime?: () => TestTime
  /** Whether tests run at the same time, each with its own world; for real time. @default false */
  readonly concurrent?: boolean
}

/** Registers the suite with the runner. */
export function engineSuite<Message>(runner: TestRunner, options: EngineSuiteOptions<Message>): void {
  const { expect } = runner

  const make = async (cleanUp: CleanUp, life: LifeOptions = {}): Promise<EngineCluster<Message>> => {
    const time = options.createTime?.() ?? REAL_TIME
    return new EngineCluster(await options.createWorld(time), options.createProtocol, time, cleanUp, life)
  }
  const started = async (cleanUp: CleanUp, life: LifeOptions = {}): Promise<EngineCluster<Message>> => {
    const cluster = await make(cleanUp, life)
    for (const id of cluster.ids) await cluster.start(id)
    return cluster
  }

  const cases: Record<string, Case> = {
    'before start every write is BUSY recovering, and nothing is known': async (cleanUp) => {
      const cluster = await make(cleanUp)
      const { engine } = await cluster.make('a')
      expect(engine.addLog(bytesOf('x'))).toMatchObject({ status: 'BUSY', reason: 'recovering' })
      expect([engine.isLeader(), engine.leaderHint(), engine.outstanding()]).toEqual([false, undefined, 0])
      expect(engine.status()).toMatchObject({ nodeId: 'a', state: 'new' })
    },

    'is used in order: callbacks before start, start once': async (cleanUp) => {
      const cluster = await make(cleanUp)
      const { engine } = await cluster.make('a')
      const callbacks = { leader: () => undefined, follower: () => undefined }
      expect(thrownBy(() => engine.onApply(callbacks, 99))).toBe('BAD_OPTION')
      await cluster.wait.of('start', engine.start())
      expect(thrownBy(() => engine.onApply(callbacks))).toBe('BAD_STATE')
      expect(await codeOf(engine.start())).toBe('BAD_STATE')
    },

    'answers SUCCESS with partition, index, term and count at once, and APPLIED with the value later': async (
      cleanUp,
    ) => {
      const cluster = await started(cleanUp)
      const { engine } = await cluster.leader(7)
      const { term, lastIndex } = engine.status().partitions.find(({ partition }) => partition === 7)!
      const first = accepted(engine.addLog(bytesOf('one'), { partition: 7 }))
      expect(first).toMatchObject({ status: 'SUCCESS', partition: 7, index: lastIndex + 1, count: 1, term })
      const second = accepted(engine.addLog(bytesOf('two'), { partition: 7 }))
      expect(second.index).toBe(first.index + 1)
      expect(await cluster.outcome(first)).toEqual({ status: 'APPLIED', index: first.index, value: 'value of one' })
      expect(await cluster.outcome(second)).toMatchObject({ status: 'APPLIED', value: 'value of two' })
    },

    'a batch is accepted at consecutive indexes and answered as one': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const { engine } = await cluster.leader()
      const batch = accepted(engine.addLogs([bytesOf('a'), bytesOf('b'), bytesOf('c')]))
      expect(batch.count).toBe(3)
      expect(await cluster.outcome(batch)).toMatchObject({
        status: 'APPLIED',
        index: batch.index,
        value: ['value of a', 'value of b', 'value of c'],
      })
      await cluster.level()
      const expected = ['a', 'b', 'c'].map((text, i) => `${batch.index + i} ${text}`)
      for (const life of cluster.lives) expect(historyOf(life, 0)).toEqual(expected)
    },

    'takes its own copy of the payload: the caller may reuse the buffer at once': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const { engine } = await cluster.leader()
      const buffer = bytesOf('kept')
      const result = accepted(engine.addLog(buffer))
      buffer.fill(120)
      expect(await cluster.outcome(result)).toMatchObject({ status: 'APPLIED', value: 'value of kept' })
    },

    'takes empty payloads and every kind that may be proposed; the callback is told which': async (cleanUp) => {
      const kinds: string[] = []
      const cluster = await started(cleanUp, { apply: ({ kind, payload }) => kinds.push(`${kind} ${payload.length}`) })
      const { engine } = await cluster.leader()
      const all = ['data', 'advancer', 'ending', 'bound', 'noop-barrier'] as const
      for (const kind of all) await cluster.outcome(accepted(engine.addLog(new Uint8Array(0), { kind })))
      await cluster.level()
      expect([...new Set(kinds)].sort()).toEqual(all.map((kind) => `${kind} 0`).sort())
      expect(kinds).toHaveLength(3 * all.length)
    },

    'a follower answers NOT_LEADER with a hint that has node, address and term': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const leader = await cluster.leader()
      const { term } = leader.engine.status().partitions[0]!
      const { engine } = await cluster.follower()
      const hint = engine.leaderHint()!
      expect(hint).toMatchObject({ nodeId: leader.id, term })
      expect(hint.address.length).toBeGreaterThan(0)
      expect(engine.addLog(bytesOf('x'))).toEqual({ status: 'NOT_LEADER', leaderHint: hint })
      expect(engine.outstanding()).toBe(0)
    },

    'rejects what it will never take, each with its reason, and executes none of it': async (cleanUp) => {
      const cluster = await started(cleanUp, { limits: { payloadBytes: 100 } })
      const { engine } = await cluster.leader()
      const { term } = engine.status().partitions[0]!
      const rejected = (reason: string): object => ({ status: 'REJECTED', reason })
      expect(engine.addLog(bytesOf('x'), { partition: 3 })).toEqual(rejected('unknown-partition'))
      expect(engine.addLog(new Uint8Array(101))).toEqual(rejected('too-large'))
      expect(engine.addLogs([bytesOf('x'), new Uint8Array(101)])).toEqual(rejected('too-large'))
      expect(engine.addLog(bytesOf('x'), { term: term + 1 })).toEqual(rejected('fenced'))
      expect(await cluster.outcome(accepted(engine.addLog(new Uint8Array(100), { term })))).toMatchObject({
        status: 'APPLIED',
      })
      await cluster.level()
      for (const life of cluster.lives) expect(life.seen).toHaveLength(1)
    },

    'a mistake is thrown as BAD_PAYLOAD, and nothing is taken': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const { engine } = await cluster.leader()
      const wrong = (value: unknown): Uint8Array => value as Uint8Array
      for (const value of ['text', null, undefined, [1, 2], 7]) {
        expect(thrownBy(() => engine.addLog(wrong(value)))).toBe('BAD_PAYLOAD')
        expect(thrownBy(() => engine.addLogs([bytesOf('x'), wrong(value)]))).toBe('BAD_PAYLOAD')
      }
      expect(thrownBy(() => engine.addLogs([]))).toBe('BAD_PAYLOAD')
      expect(thrownBy(() => engine.addLog(bytesOf('x'), { kind: 'noop' as 'data' }))).toBe('BAD_PAYLOAD')
      expect(engine.outstanding()).toBe(0)
    },

    'outstandingEntries and outstandingBytes: taken at the limit, BUSY one above it, and room again later': async (
      cleanUp,
    ) => {
      for (const [limits, reason] of [
        [{ outstandingEntries: 3 }, 'entries'],
        [{ outstandingBytes: 3 * entryBytes(10) }, 'bytes'],
      ] as const) {
        const cluster = await started(cleanUp, { limits })
        const { engine } = await cluster.leader()
        const payload = new Uint8Array(10)
        const atLimit = accepted(engine.addLogs([payload, payload, payload]))
        expect(engine.outstanding()).toBe(3)
        const above = engine.addLog(new Uint8Array(0))
        expect(above).toMatchObject({ status: 'BUSY', reason })
        expect(above.status === 'BUSY' && above.retryAfterMs > 0).toBe(true)
        await cluster.outcome(atLimit)
        expect(engine.outstanding()).toBe(0)
        accepted(engine.addLogs([payload, payload, payload]))
        expect(engine.addLogs([payload, payload, payload, payload])).toEqual({
          status: 'REJECTED',
          reason: 'too-large',
        })
        await cluster.level()
      }
    },

    'callbacks that lag make a leader BUSY apply-lag, never lose leadership, and drop nothing': async (cleanUp) => {
      let open: () => void = () => undefined
      const gate = new Promise<void>((resolve) => {
        open = resolve
      })
      const cluster = await started(cleanUp, { limits: { applyLagEntries: 4, stalledMs: 50 }, apply: () => gate })
      const leader = await cluster.leader()
      let count = 0
      await cluster.wait.until('apply-lag', () => {
        const result = leader.engine.addLog(bytesOf(`entry ${count}`))
        if (result.status === 'SUCCESS') count++
        return result.status === 'BUSY' && result.reason === 'apply-lag'
      })
      await cluster.wait.until('it is told', () => leader.events.includes('stalled 0'))
      expect(leader.engine.isLeader()).toBe(true)
      open()
      await cluster.level()
      for (const { seen } of cluster.lives) {
        expect(seen.map(({ text }) => text)).toEqual(Array.from({ length: count }, (_, i) => `entry ${i}`))
      }
    },

    'each node applies everything once, in order, the same; the leader callback has what this process proposed': async (
      cleanUp,
    ) => {
      const cluster = await started(cleanUp)
      const leader = await cluster.leader()
      const results: Accepted[] = []
      for (let i = 0; i < 300; i++) {
        const payloads = Array.from({ length: 1 + (i % 3) }, (_, k) => bytesOf(`${i}.${k}`))
        const result = leader.engine.addLogs(payloads)
        if (result.status === 'SUCCESS') results.push(result)
        if (i % 50 === 0) await cluster.wait.turns(1)
      }
      const count = await cluster.applied(results)
      expect(count).toBeGreaterThan(0)
      await cluster.level()
      const history = historyOf(leader, 0)
      expect(history).toHaveLength(count)
      for (const life of cluster.lives) {
        expect(historyOf(life, 0)).toEqual(history)
        const indexes = life.seen.map(({ index }) => index)
        expect(indexes).toEqual([...indexes].sort((x, y) => x - y))
        expect([...new Set(life.seen.map(({ by }) => by))]).toEqual([life === leader ? 'leader' : 'follower'])
      }
    },

    'slow callbacks of followers skip nothing': async (cleanUp) => {
      const cluster = await started(cleanUp, {
        apply: ({ index }) => (index % 5 === 0 ? Promise.resolve() : undefined),
      })
      const results: Accepted[] = []
      for (let i = 0; i < 10; i++) {
        const { engine } = await cluster.leader()
        results.push(accepted(engine.addLogs(Array.from({ length: 50 }, (_, k) => bytesOf(`${i}.${k}`)))))
      }
      const count = await cluster.applied(results)
      expect(count).toBeGreaterThan(0)
      await cluster.level()
      for (const { seen } of cluster.lives) expect(seen).toHaveLength(count)
    },

    'partitions are logs of their own': async (cleanUp) => {
      const cluster = await started(cleanUp)
      await cluster.write('zero')
      await cluster.write('seven', { partition: 7 })
      await cluster.level()
      for (const life of cluster.lives) {
        expect(historyOf(life, 0).map((line) => line.split(' ')[1])).toEqual(['zero'])
        expect(historyOf(life, 7).map((line) => line.split(' ')[1])).toEqual(['seven'])
      }
    },

    'a callback that throws stops its partition at that entry, is told as a fault, and resume tries it again': async (
      cleanUp,
    ) => {
      const broken = new Set<string>()
      const cluster = await started(cleanUp, {
        apply: ({ payload, partition }, id) => {
          if (partition === 0 && textOf(payload) === 'bad' && broken.has(id)) throw new Error('the callback is broken')
        },
      })
      const victim = await cluster.follower()
      broken.add(victim.id)
      for (const text of ['good', 'bad', 'after']) await cluster.write(text)
      await cluster.write('elsewhere', { partition: 7 })
      await cluster.wait.until('the fault', () => victim.events.includes('fault 0'))
      await cluster.wait.until('the other partition goes on', () => historyOf(victim, 7).length === 1)
      const [status] = victim.engine.status().partitions
      expect(status!.fault?.code).toBe('CALLBACK_FAILED')
      expect(historyOf(victim, 0)).toHaveLength(1)
      expect(await codeOf(cluster.wait.of('drain', victim.engine.drain()))).toBe('CALLBACK_FAILED')
      broken.clear()
      victim.engine.resume(0)
      await cluster.level()
      expect(victim.seen.filter(({ partition }) => partition === 0).map(({ text }) => text)).toEqual([
        'good',
        'bad',
        'after',
      ])
      expect(victim.engine.status().partitions[0]!.fault).toBe(undefined)
    },

    'outstanding counts what is not yet answered, and drain resolves when there is none': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const { engine } = await cluster.leader()
      const results = Array.from({ length: 10 }, () => accepted(engine.addLog(bytesOf('x'))))
      expect(engine.outstanding()).toBe(10)
      expect(engine.outstanding(7)).toBe(0)
      await cluster.wait.of('drain', engine.drain())
      expect(engine.outstanding()).toBe(0)
      for (const result of results) expect(await cluster.outcome(result)).toMatchObject({ status: 'APPLIED' })
    },

    'drain rejects on abort and when the engine stops': async (cleanUp) => {
      const never = new Promise<void>(() => undefined)
      const cluster = await started(cleanUp, { apply: () => never })
      const leader = await cluster.leader()
      accepted(leader.engine.addLog(bytesOf('x')))
      const abort = new AbortController()
      const aborted = leader.engine.drain({ signal: abort.signal }).then(
        () => 'resolved',
        () => 'rejected',
      )
      abort.abort()
      expect(await cluster.wait.of('the abort', aborted)).toBe('rejected')
      const drained = codeOf(leader.engine.drain())
      await cluster.stop(leader)
      expect(await cluster.wait.of('the stop', drained)).toBe('BAD_STATE')
    },

    'every outcome settles at stop, as UNKNOWN with a token that tells the truth elsewhere': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const leader = await cluster.leader()
      await cluster.write('before')
      const open = accepted(leader.engine.addLog(bytesOf('open')))
      const outcome = open.outcome
      await cluster.stop(leader)
      const settled = await cluster.wait.of('the outcome', outcome)
      if (settled.status !== 'UNKNOWN') throw new Error(`It is ${settled.status}.`)
      expect(settled.token).toEqual({ partition: 0, index: open.index, count: 1, term: open.term })
      await cluster.write('after')
      await cluster.level()
      const { engine, seen } = cluster.lives[0]!
      const isThere = seen.some(({ text }) => text === 'open')
      const truth = await cluster.wait.of('the truth', engine.outcomeOf(settled.token))
      expect(truth.status).toBe(isThere ? 'APPLIED' : 'LOST')
    },

    'outcomeOf an entry that is applied is APPLIED on every node, and UNKNOWN beyond what is applied': async (
      cleanUp,
    ) => {
      const cluster = await started(cleanUp)
      const { engine } = await cluster.leader()
      const { partition, index, count, term, outcome } = accepted(engine.addLog(bytesOf('x')))
      await cluster.wait.of('the outcome', outcome)
      await cluster.level()
      const token = { partition, index, count, term }
      for (const life of cluster.lives) {
        expect((await cluster.wait.of('the truth', life.engine.outcomeOf(token))).status).toBe('APPLIED')
        const later = { ...token, index: index + 1000 }
        expect(await cluster.wait.of('the truth', life.engine.outcomeOf(later))).toEqual({
          status: 'UNKNOWN',
          token: later,
        })
      }
    },

    'readBarrier: what was APPLIED before it was called can be read on every node': async (cleanUp) => {
      const cluster = await started(cleanUp)
      for (const text of ['one', 'two', 'three']) {
        await cluster.write(text, { partition: 7 })
        for (const life of cluster.lives) {
          await cluster.read(life, 7)
          expect(life.seen.some((seen) => seen.partition === 7 && seen.text === text)).toBe(true)
        }
      }
    },

    'readBarrier is refused where no waiting would help': async (cleanUp) => {
      const cluster = await make(cleanUp)
      const life = await cluster.make('a')
      expect(await life.engine.readBarrier()).toMatchObject({ status: 'BUSY', reason: 'recovering' })
      await cluster.wait.of('start', life.engine.start())
      expect(await life.engine.readBarrier(99)).toEqual({ status: 'REJECTED', reason: 'unknown-partition' })
      expect(await cluster.wait.of('an answer', life.engine.readBarrier())).toEqual({
        status: 'NOT_LEADER',
        leaderHint: undefined,
      })
      await cluster.stop(life)
      expect(await life.engine.readBarrier()).toEqual({ status: 'REJECTED', reason: 'stopped' })
    },

    'after stop every write is REJECTED stopped; stop may be called again, and nothing is applied any more': async (
      cleanUp,
    ) => {
      const cluster = await started(cleanUp)
      const leader = await cluster.leader()
      await cluster.write('x')
      await cluster.stop(leader)
      await cluster.wait.of('stop', leader.engine.stop())
      await cluster.wait.of('disposal', Promise.resolve(leader.engine[Symbol.asyncDispose]()))
      expect(leader.engine.addLog(bytesOf('x'))).toEqual({ status: 'REJECTED', reason: 'stopped' })
      expect([leader.engine.status().state, leader.engine.isLeader(), leader.engine.outstanding()]).toEqual([
        'stopped',
        false,
        0,
      ])
      const { length } = leader.seen
      await cluster.write('later')
      await cluster.wait.turns(5)
      expect(leader.seen).toHaveLength(length)
    },

    'may be stopped from a callback': async (cleanUp) => {
      const stops = new Map<string, () => Promise<void>>()
      const cluster = await started(cleanUp, {
        apply: ({ payload }, id) => {
          if (textOf(payload) === 'stop' && stops.has(id)) void stops.get(id)!()
        },
      })
      const victim = await cluster.follower()
      stops.set(victim.id, () => victim.engine.stop())
      await cluster.write('stop')
      await cluster.write('behind')
      await cluster.wait.until('it has stopped', () => victim.engine.status().state === 'stopped')
      expect(victim.seen.map(({ text }) => text)).toEqual(['stop'])
      cluster.lives.splice(cluster.lives.indexOf(victim), 1)
    },

    'another node takes over from a leader that stops, and replays what came before': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const first = await cluster.leader()
      for (let i = 0; i < 20; i++) await cluster.write(`first ${i}`)
      const { term } = first.engine.status().partitions[0]!
      await cluster.stop(first)
      const second = await cluster.leader()
      expect(second.engine.leaderHint()!.term).toBeGreaterThan(term)
      // What its predecessor proposed was applied before leadership was announced, by the follower callback.
      expect(second.seen.filter(({ by, partition }) => by === 'follower' && partition === 0)).toHaveLength(20)
      expect(second.events).toContain('leader 0')
      await cluster.write('second')
      await cluster.level()
      expect(historyOf(cluster.lives[0]!, 0)).toEqual(historyOf(cluster.lives[1]!, 0))
    },

    'a restarted node replays all of its log through the follower callback, in a new incarnation': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const first = await cluster.leader()
      const batch = accepted(first.engine.addLogs(Array.from({ length: 50 }, (_, i) => bytesOf(`entry ${i}`))))
      const count = await cluster.applied([batch])
      await cluster.stop(first)
      await cluster.write('meanwhile')
      const again = await cluster.start(first.id)
      expect(again.engine.status().incarnation).toBe(2)
      await cluster.level()
      expect(again.seen.map(({ text }) => text)).toEqual([
        ...Array.from({ length: count }, (_, i) => `entry ${i}`),
        'meanwhile',
      ])
      expect(again.seen.every(({ by }) => by === 'follower')).toBe(true)
    },

    'after all nodes were restarted everything is there, on all of them': async (cleanUp) => {
      const cluster = await started(cleanUp)
      for (let i = 0; i < 10; i++) await cluster.write(`entry ${i}`)
      for (const life of [...cluster.lives]) await cluster.stop(life)
      for (const id of cluster.ids) await cluster.start(id)
      await cluster.write('again')
      await cluster.level()
      for (const { seen } of cluster.lives) {
        const expected = [...Array.from({ length: 10 }, (_, i) => `entry ${i}`), 'again']
        expect(seen.map(({ text }) => text)).toEqual(expected)
      }
    },

    'leadership is handed over to the node that is named; the answer says how that ended': async (cleanUp) => {
      const cluster = await started(cleanUp)
      await cluster.write('before')
      const from = await cluster.leader()
      const to = await cluster.follower()
      const { term } = from.engine.leaderHint()!
      expect(await cluster.wait.of('the transfer', from.engine.transferLeadership(0, to.id))).toEqual({
        status: 'DONE',
      })
      await cluster.wait.until('it leads', () => to.engine.isLeader())
      await cluster.wait.until('the event', () => from.events.includes('follower 0'))
      await cluster.wait.until('the hint', () => from.engine.leaderHint()?.nodeId === to.id)
      expect(from.engine.leaderHint()!.term).toBeGreaterThan(term)
      const answer = await cluster.wait.of('the answer', from.engine.transferLeadership(0, from.id))
      expect(answer).toMatchObject({ status: 'NOT_LEADER', leaderHint: { nodeId: to.id } })
      const stranger = await cluster.wait.of('the answer', to.engine.transferLeadership(0, 'nobody'))
      expect(stranger).toEqual({ status: 'ABORTED' })
      await cluster.write('after')
      await cluster.level()
      for (const { seen } of cluster.lives) expect(seen.map(({ text }) => text)).toEqual(['before', 'after'])
    },

    'the term of a hint never goes back, whoever leads': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const watched = cluster.lives[0]!
      const terms: number[] = []
      const note = (): void => {
        const term = watched.engine.leaderHint()?.term
        if (term !== undefined) terms.push(term)
      }
      for (let round = 0; round < 3; round++) {
        const from = await cluster.leader()
        note()
        await cluster.wait.of('the transfer', from.engine.transferLeadership(0))
        for (let turn = 0; turn < 10; turn++) {
          await cluster.wait.turns(1)
          note()
        }
      }
      expect(terms.length).toBeGreaterThan(3)
      expect(terms).toEqual([...terms].sort((x, y) => x - y))
    },

    'without a majority nothing is applied, and what was accepted is answered when there is one again': async (
      cleanUp,
    ) => {
      const cluster = await started(cleanUp)
      const leader = await cluster.leader()
      await cluster.write('before')
      await cluster.level()
      for (const life of cluster.lives.filter((each) => each !== leader)) await cluster.stop(life)
      const result = leader.engine.addLog(bytesOf('alone'))
      await cluster.wait.until('it steps down', () => !leader.engine.isLeader())
      await cluster.wait.until('it gives no hint', () => leader.engine.leaderHint() === undefined)
      expect(leader.seen.map(({ text }) => text)).toEqual(['before'])
      for (const id of cluster.ids) if (id !== leader.id) await cluster.start(id)
      await cluster.write('after')
      await cluster.level()
      if (result.status === 'SUCCESS') {
        const { status } = await cluster.outcome(result)
        expect(status).toBe(leader.seen.some(({ text }) => text === 'alone') ? 'APPLIED' : 'LOST')
      }
      expect(leader.engine.outstanding()).toBe(0)
    },

    'reads applied entries again, without those of the protocol': async (cleanUp) => {
      const cluster = await started(cleanUp)
      for (let i = 0; i < 10; i++) await cluster.write(`entry ${i}`)
      await cluster.level()
      for (const { engine } of cluster.lives) {
        const texts: string[] = []
        const { applied } = engine.status().partitions[0]!
        for (let from = 1; from <= applied; ) {
          const { entries, next } = await cluster.wait.of('the read', engine.read(0, from, 200))
          expect(next).toBeGreaterThan(from)
          texts.push(...entries.map(({ payload }) => textOf(payload)))
          from = next
        }
        expect(texts).toEqual(Array.from({ length: 10 }, (_, i) => `entry ${i}`))
        expect(await codeOf(engine.read(99, 1, 100))).toBe('BAD_OPTION')
      }
    },

    'commit, applied and the indexes of its log are in order in every status': async (cleanUp) => {
      const cluster = await started(cleanUp)
      const leader = await cluster.leader()
      let commit = 0
      for (let i = 0; i < 50; i++) {
        leader.engine.addLog(bytesOf('x'))
        await cluster.wait.turns(1)
        for (const { engine } of cluster.lives) {
          for (const status of engine.status().partitions) {
            expect(status.applied).toBeLessThanOrEqual(status.commit)
            expect(status.commit).toBeLessThanOrEqual(status.lastIndex)
            expect(status.durableIndex).toBeLessThanOrEqual(status.lastIndex)
            expect(status.outstanding).toBeGreaterThanOrEqual(0)
          }
        }
        const now = leader.engine.status().partitions[0]!.commit
        expect(now).toBeGreaterThanOrEqual(commit)
        commit = now
      }
    },
  }

  const { concurrent } = options
  runCases(runner, `${options.name}: an engine`, cases, options.skip, {
    timeoutMs: 60_000,
    ...(concurrent === undefined ? {} : { concurrent }),
  })
}
