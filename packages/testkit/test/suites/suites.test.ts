// The suites catch what is wrong, and say what they leave out.

import type { Core, LogStore, Output, Protocol } from '@mako/engine'
import { raft, type RaftMessage } from '@mako/raft'
import { memoryDisk, memoryLog } from '@mako/store/log'
import { coreSuite, logSuite, stateMachineSuite, type ApplyMachine, type LogPlace } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { fakeRunner, type FakeRunner } from './fake-runner.ts'

const { describe, expect, it } = vitest

/** A counter of words: the smallest machine that a suite can be run on. */
class Words implements ApplyMachine {
  readonly counts = new Map<string, number>()
  apply({ payload }: { payload: Uint8Array }): unknown {
    const word = new TextDecoder().decode(payload)
    const count = (this.counts.get(word) ?? 0) + 1
    this.counts.set(word, count)
    return count
  }
  digest(): string {
    return JSON.stringify([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

const wordCommands = (random: { u32(): number }): Uint8Array[] =>
  Array.from({ length: 60 }, () => new TextEncoder().encode(`word ${random.u32() % 9}`))

stateMachineSuite(vitest, {
  name: 'a counter of words',
  kind: 'apply',
  commands: wordCommands,
  create: () => new Words(),
})

describe('skips', () => {
  const suite = (skip: { reason: string; tests: string[] }[]): FakeRunner => {
    const fake = fakeRunner()
    stateMachineSuite(fake.runner, {
      name: 'x',
      kind: 'apply',
      commands: wordCommands,
      create: () => new Words(),
      skip,
    })
    return fake
  }
  const [first, second] = [...suite([]).tests.keys()]

  it('leave a test out and say why', () => {
    const { skipped, tests, titles } = suite([{ reason: 'it has no digest yet', tests: [first!] }])
    expect(skipped).toEqual([`${first!} [skipped: it has no digest yet]`])
    expect(tests.has(first!)).toBe(false)
    expect(tests.has(second!)).toBe(true)
    expect(titles).toEqual(['x: a state machine'])
  })

  it.each([
    ['a test that there is not', [{ reason: 'because', tests: ['something else'] }]],
    ['a test twice', [{ reason: 'because', tests: [first!, first!] }]],
    ['without a reason', [{ reason: ' ', tests: [first!] }]],
  ])('are refused: %s', (_, skip) => {
    expect(() => suite(skip)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
  })

  it('are made for the hooks that a place does not have', () => {
    const fake = fakeRunner()
    logSuite(fake.runner, { name: 'x', createPlace: () => ({ open: () => memoryLog() }) })
    expect(fake.skipped).toHaveLength(5)
    expect(fake.skipped.every((title) => title.includes('[skipped: the place has no hook'))).toBe(true)
  })
})

describe('the suite of state machines catches', () => {
  const failures = async (create: () => ApplyMachine): Promise<string[]> => {
    const fake = fakeRunner()
    stateMachineSuite(fake.runner, { name: 'x', kind: 'apply', commands: wordCommands, create })
    return await fake.failures()
  }
  class Broken extends Words {
    readonly #break: (words: Broken, payload: Uint8Array) => void
    constructor(breaks: (words: Broken, payload: Uint8Array) => void) {
      super()
      this.#break = breaks
    }
    override apply(entry: { payload: Uint8Array }): unknown {
      const result = super.apply(entry)
      this.#break(this, entry.payload)
      return result
    }
  }
  const shared = { count: 0 }

  it.each<[string, (words: Broken, payload: Uint8Array) => void]>([
    ['the time of day', (words) => words.counts.set(`${Math.floor(Date.now() / 86_400_000)}`, 1)],
    ['dice', (words) => words.counts.set(`${Math.random()}`, 1)],
    ['state that is shared', (words) => words.counts.set('shared', ++shared.count)],
    ['a payload that is written to', (_, payload) => payload.fill(0)],
    ['the buffer around a payload', (words, { buffer }) => words.counts.set('buffer', buffer.byteLength)],
  ])('%s', async (_, breaks) => {
    expect(await failures(() => new Broken(breaks))).not.toEqual([])
  })

  it('payloads that are kept, a digest that is blind, and too few commands', async () => {
    class Keeper implements ApplyMachine {
      readonly #kept: Uint8Array[] = []
      apply({ payload }: { payload: Uint8Array }): unknown {
        return this.#kept.push(payload)
      }
      digest(): string {
        return this.#kept.map((bytes) => bytes.join()).join(';')
      }
    }
    expect(await failures(() => new Keeper())).toContain(
      'a payload is only lent: it is neither changed, nor needed afterwards',
    )
    expect(await failures(() => Object.assign(new Words(), { digest: () => 'same' }))).toContain(
      'two new machines are equal, and the digest tells states apart',
    )
    const commands = (): Uint8Array[] => []
    expect(() =>
      stateMachineSuite(fakeRunner().runner, { name: 'x', kind: 'apply', commands, create: () => new Words() }),
    ).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
  })
})

describe('the suite of log stores catches a store that', () => {
  /** The memory log, with something changed. */
  const failures = async (change: (log: LogStore) => Partial<LogStore>): Promise<string[]> => {
    const fake = fakeRunner()
    const createPlace = (): LogPlace => {
      const disk = memoryDisk()
      const open = (): LogStore => {
        const log = memoryLog(disk)
        const own: LogStore = {
          recover: (identity) => log.recover(identity),
          append: (writes) => log.append(writes),
          read: (partition, from, maxBytes) => log.read(partition, from, maxBytes),
          stats: () => log.stats(),
          close: () => log.close(),
        }
        return Object.assign(own, change(log))
      }
      return { open }
    }
    logSuite(fake.runner, { name: 'x', createPlace })
    return await fake.failures()
  }

  it.each<[string, (log: LogStore) => Partial<LogStore>]>([
    ['counts no starts', (log) => ({ recover: async (id) => ({ ...(await log.recover(id)), incarnation: 1 }) })],
    [
      'forgets hard states',
      (log) => ({ append: (writes) => log.append(writes.filter(({ type }) => type === 'block')) }),
    ],
    [
      'always truncates',
      (log) => ({ append: (writes) => log.append(writes.map((each) => ({ ...each, truncate: true }))) }),
    ],
    [
      'never truncates',
      (log) => ({ append: (writes) => log.append(writes.map((each) => ({ ...each, truncate: false }))) }),
    ],
    ['turns writes round', (log) => ({ append: (writes) => log.append([...writes].reverse()) })],
    ['reads more than it was asked for', (log) => ({ read: (partition, from) => log.read(partition, from, 1e9) })],
    [
      'reads on behind a gap',
      (log) => ({
        read: async (partition, from, maxBytes) => {
          const found = await log.read(partition, from, maxBytes)
          return found.length > 0 ? found : await log.read(partition, from + 1, maxBytes)
        },
      }),
    ],
    ['belongs to anybody', (log) => ({ recover: (id) => log.recover({ ...id, clusterId: 'orders', nodeId: 'a' }) })],
  ])('%s', async (_, change) => {
    expect(await failures(change)).not.toEqual([])
  })
})

describe('the suite of protocols catches a core that', () => {
  type RaftOutput = Output<RaftMessage>
  const failures = async (change: (output: RaftOutput, core: Core<RaftMessage>) => RaftOutput): Promise<string[]> => {
    const fake = fakeRunner()
    const createProtocol = (): Protocol<RaftMessage> => {
      const protocol = raft()
      return {
        ...protocol,
        createCore: (options) => {
          const core = protocol.createCore(options)
          const takeOutput = core.takeOutput.bind(core)
          core.takeOutput = () => change(takeOutput(), core)
          return core
        },
      }
    }
    coreSuite(fake.runner, { name: 'x', createProtocol })
    return await fake.failures(
      'commits what the leader proposes on all nodes, the very same blocks',
      'keeps its promises through a crash at every write',
      'nothing is committed that is durable nowhere, and nothing by a minority of disks',
      'an output is taken once: a second one is empty and says the same commit',
    )
  }

  it('is whole: nothing', async () => {
    expect(await failures((output) => output)).toEqual([])
  })

  it.each<[string, (output: RaftOutput, core: Core<RaftMessage>) => RaftOutput]>([
    ['commits all it has', (output, core) => ({ ...output, commit: core.status().lastIndex })],
    [
      'promises writes it never asks for',
      (output) => ({
        ...output,
        messages: output.messages.map((message) => ({ ...message, after: message.after + 1000 })),
      }),
    ],
    [
      'promises before it is durable',
      (output) => ({
        ...output,
        messages: output.messages.map((message) => ({ ...message, after: 0 })),
      }),
    ],
    ['numbers no writes', (output) => ({ ...output, writes: output.writes.map((write) => ({ ...write, number: 1 })) })],
    ['never commits', (output) => ({ ...output, commit: 0 })],
    [
      'keeps no hard state',
      (output) => ({
        ...output,
        writes: output.writes.map((each) =>
          each.write.type === 'state' ? { ...each, write: { type: 'state', state: new Uint8Array(0) } } : each,
        ),
      }),
    ],
  ])('%s', async (_, change) => {
    expect(await failures(change)).not.toEqual([])
  })
})
