// Users' machines and clients under storms: honest ones keep the laws, and each kind of lie is told by name.

import type { Entry } from '@mako/engine'
import { MakoError } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import {
  appWorkload,
  ConnectionLost,
  registerModel,
  runSeed,
  runSeeds,
  type AppOptions,
  type ClientContext,
  type SeedResult,
  type SeedsResult,
} from '../../src/index.ts'
import { raftProbe, simRaft } from '../../src/node/raft.ts'
import '../../src/vitest/index.ts'

/** Adds up what it is given. */
class Sum {
  sum = 0

  apply({ payload }: Entry): number {
    this.sum += payload[0]!
    return this.sum
  }

  digest(): string {
    return String(this.sum)
  }
}

/** Adds once, at any node, and says honestly what is known of it. */
async function add({ random, connect, invoke }: ClientContext<Sum>, key = 'sum'): Promise<void> {
  const amount = 1 + (random.u32() % 9)
  await invoke({ key, op: 'incr', in: String(amount) }, async () => {
    const { call } = await connect()
    return await call(async ({ engine }) => {
      const result = engine.addLog(Uint8Array.of(amount))
      if (result.status !== 'SUCCESS') return { status: 'fail' }
      const outcome = await result.outcome
      if (outcome.status === 'APPLIED') return { status: 'ok', out: String(outcome.value) }
      return { status: outcome.status === 'LOST' ? 'fail' : 'info' }
    })
  })
}

const HONEST: AppOptions<Sum> = { machine: () => new Sum(), client: (context) => add(context) }

const STORM = { protocol: simRaft, probe: raftProbe, seconds: 2 }

function seeds(app: Partial<AppOptions<Sum>>, count = 8): Promise<SeedsResult> {
  return runSeeds({
    ...STORM,
    workload: appWorkload({ ...HONEST, ...app }),
    partitions: 1,
    seeds: count,
    shrink: { limitRuns: 20 },
  })
}

describe('a machine and a client that are honest', () => {
  it('keep the laws, and their calls have every kind of answer', async () => {
    const totals: Record<string, number> = {}
    const result = await runSeeds({
      ...STORM,
      workload: appWorkload({
        ...HONEST,
        check: ({ machine, history }) => {
          const sum = (statuses: readonly string[]): number =>
            history.filter(({ status }) => statuses.includes(status)).reduce((all, each) => all + Number(each.in), 0)
          expect(machine().sum).toBeGreaterThanOrEqual(sum(['ok']))
          expect(machine().sum).toBeLessThanOrEqual(sum(['ok', 'info']))
        },
      }),
      partitions: 1,
      seeds: 20,
      onSeed: ({ counters }) => {
        for (const [name, count] of Object.entries(counters)) totals[name] = (totals[name] ?? 0) + count
      },
    })
    expect(result).toKeepTheLaws()
    expect(result.seeds).toBe(20)
    expect(result.report).toBeUndefined()
    for (const status of ['ok', 'fail', 'info']) expect(totals[`app: operation ${status}`]).toBeGreaterThan(5)
    expect(totals['fault: throwing callback']).toBeGreaterThan(0)
  }, 60_000)

  it('are judged by a model', async () => {
    const verdicts: string[] = []
    await runSeeds({
      ...STORM,
      // A fresh sum for each partition: with 1 to 4 of them only the first one is used.
      workload: appWorkload({ ...HONEST, clients: 2, model: registerModel, gapMs: 60 }),
      seeds: 6,
      onSeed: ({ counters, violation }) => {
        expect(violation).toBeUndefined()
        verdicts.push(...Object.keys(counters).filter((name) => name.startsWith('app: verdict')))
      },
    })
    expect(new Set(verdicts)).toEqual(new Set(['app: verdict valid']))
  }, 60_000)

  it('have one history for each seed', async () => {
    const run = (): Promise<SeedResult> => runSeed(3, { ...STORM, workload: appWorkload(HONEST) })
    expect(await run()).toEqual(await run())
  })

  it('may be asynchronous', async () => {
    class Slow extends Sum {
      override apply(entry: Entry): number {
        // What callers of an asynchronous machine get is a promise: the engine waits for it.
        return Promise.resolve(super.apply(entry)) as unknown as number
      }
    }
    expect(await seeds({ machine: () => new Slow() }, 4)).toKeepTheLaws()
  })
})

describe('what is wrong is told', () => {
  const cases: readonly (readonly [what: string, app: Partial<AppOptions<Sum>>, told: RegExp])[] = [
    [
      'a machine that depends on where it runs',
      {
        machine: (() => {
          let machines = 0
          return () => {
            const own = machines++
            return Object.assign(new Sum(), {
              digest(this: Sum) {
                return `${this.sum} on ${own}`
              },
            })
          }
        })(),
      },
      /^the machines of \w and \w differ after/,
    ],
    [
      'a machine that throws',
      {
        machine: () =>
          Object.assign(new Sum(), {
            apply: () => {
              throw new TypeError('no such account')
            },
          }),
      },
      /^apply of entry \d+ of partition 0 on \w has thrown: TypeError: no such account/,
    ],
    [
      'a machine that rejects',
      { machine: () => Object.assign(new Sum(), { apply: () => Promise.reject(new TypeError('later')) }) },
      /has rejected: TypeError: later/,
    ],
    [
      'a client that throws',
      { client: () => Promise.reject(new RangeError('a bug')) },
      /^client \d has thrown in run 0: RangeError: a bug/,
    ],
    [
      'a client that is told something wrong',
      {
        client: ({ number, invoke }) =>
          invoke({ key: 'x', op: 'get' }, () => ({ status: 'ok', out: String(number) })).then(() => undefined),
        model: registerModel,
      },
      /^Key "x" is not linearizable/,
    ],
    [
      'a check that fails',
      {
        check: () => {
          throw new Error('there is too much of it')
        },
      },
      /there is too much of it/,
    ],
  ]

  it.each(cases)('%s', async (_, app, told) => {
    const { violation, report } = await seeds(app)
    expect(violation?.law).toBe('workload')
    expect(violation?.message).toMatch(told)
    expect(report).toContain('Repeat it: runSeeds({ ...options, first: ')
    expect(report).toContain('What happened last:')
  })

  it('a client that never ends', async () => {
    const result = await seeds({ client: () => new Promise(() => undefined) }, 1)
    expect(result.violation?.law).toBe('liveness')
  })

  it('a number that makes no sense', async () => {
    for (const wrong of [{ clients: 0 }, { gapMs: 0 }, { digestEvery: 1.5 }]) {
      expect(() => appWorkload({ ...HONEST, ...wrong })).toThrow(MakoError)
    }
    for (const wrong of [{ seeds: 0 }, { seeds: 1, partitions: 0 }]) {
      await expect(runSeeds({ ...STORM, ...wrong })).rejects.toThrow(MakoError)
    }
  })
})

describe('a connection', () => {
  it('is lost when its node dies, or does not answer in time, and says whether anything was sent', async () => {
    const lost: ConnectionLost[] = []
    const result = await runSeeds({
      ...STORM,
      workload: appWorkload({
        ...HONEST,
        client: async ({ connect, sleep, now }) => {
          const connection = await connect('a')
          const begin = now()
          const note = (error: unknown): void => {
            if (error instanceof ConnectionLost) lost.push(error)
          }
          await connection.call(() => new Promise(() => undefined), { timeoutMs: 30 }).catch(note)
          expect(now() - begin).toBeLessThanOrEqual(31)
          await sleep(100)
          await connection.call(({ engine, machine }) => [engine.nodeId, machine().sum]).catch(note)
        },
      }),
      partitions: 1,
      seeds: 10,
    })
    expect(result).toKeepTheLaws()
    const messages = lost.map(
      ({ message, isSent }) => `${message.replace(/^\w /, '')}, ${isSent ? 'sent' : 'not sent'}`,
    )
    expect(messages).toContain('does not answer, sent')
    expect(messages).toContain('is down, not sent')
    expect(messages.some((message) => message === 'has died, sent')).toBe(true)
  })

  it('gives back what the handler answers, and throws what it throws', async () => {
    const seen: unknown[] = []
    const result = await seeds(
      {
        client: async ({ number, connect }) => {
          const { call, nodeId } = await connect('b')
          if (number > 3) return
          seen.push(await call(({ engine }) => engine.nodeId === nodeId))
          await call(() => {
            throw new RangeError('refused')
          }).catch((error: unknown) => seen.push(error))
        },
      },
      1,
    )
    expect(result).toKeepTheLaws()
    expect(seen).toContain(true)
    expect(seen).toContainEqual(new RangeError('refused'))
  })
})
