// The conformance suite of state machines: whether replicas that are given the same log can only become equal.
//
// Always true: a machine is driven as an engine (`apply`) or a shard (`speculative`) drives it, and judged by its digest
// alone: equal digests must mean equal states, and the suite first makes sure that the digest is not blind.

import { below, encodeBlock, entriesOf, MakoError, seededRandom, type Entry, type Random } from '@mako/engine'
import { runCases, type Case, type SuiteOptions, type TestRunner } from './runner.ts'

/** What tells states apart. */
export type MachineDigest = string | number | bigint

/** What an apply callback does, and a digest of the state that it works on. */
export interface ApplyMachine {
  apply(entry: Entry): unknown
  /** Equal on two machines if and only if their states are equal; changes nothing. */
  digest(): MachineDigest | Promise<MachineDigest>
}

/** The `StateMachine` of `@mako/watermark`, and a digest of its newest state. */
export interface SpeculativeMachine {
  replay(transaction: Uint8Array, stamp: number, epoch: number): void
  rollBack(epoch: number, finalWatermark: number): void
  settle(watermark: number): void
  digest(): MachineDigest | Promise<MachineDigest>
}

/** What both kinds of machines are given. */
export interface MachineSuiteBase extends SuiteOptions {
  /** Payloads that the machine understands, drawn from `random` and nothing else. At least 20; a few hundred are good. */
  readonly commands: (random: Random) => readonly Uint8Array[]
}

export type StateMachineSuiteOptions = MachineSuiteBase &
  (
    | { readonly kind: 'apply'; readonly create: () => ApplyMachine }
    | { readonly kind: 'speculative'; readonly create: () => SpeculativeMachine }
  )

/** One command given to one machine; what came of it, a thrown error included, as text. */
type Feed = (command: Uint8Array, position: number) => Promise<string>

/** A machine behind one face, whichever kind it is. */
interface Driven {
  readonly feed: Feed
  readonly digest: () => Promise<string>
}

/**
 * Registers the suite with the runner.
 * @throws MakoError `BAD_OPTION` when there are fewer than 20 commands
 */
export function stateMachineSuite(runner: TestRunner, options: StateMachineSuiteOptions): void {
  const { expect } = runner
  const commandsOf = (seed: number): readonly Uint8Array[] => options.commands(seededRandom(seed))
  const commands = commandsOf(1)
  if (commands.length < 20) {
    throw new MakoError(
      'BAD_OPTION',
      `${options.name}: there are ${commands.length} commands; at least 20 tell something.`,
    )
  }

  const drive = (): Driven => {
    if (options.kind === 'apply') {
      const machine = options.create()
      return {
        feed: async (command, position) => resultOf(() => machine.apply(entryOf(command, position))),
        digest: async () => String(await machine.digest()),
      }
    }
    const machine = options.create()
    return {
      feed: async (command, position) => resultOf(() => machine.replay(command, position, 1)),
      digest: async () => String(await machine.digest()),
    }
  }
  const run = async (machine: Driven, log: readonly Uint8Array[], from = 0): Promise<string[]> => {
    const results: string[] = []
    for (const [i, command] of log.entries()) results.push(await machine.feed(command.slice(), from + i + 1))
    return results
  }

  const common: Record<string, Case> = {
    'two new machines are equal, and the digest tells states apart': async () => {
      const [one, two] = [drive(), drive()]
      const empty = await one.digest()
      expect(await two.digest()).toBe(empty)
      await run(one, commands)
      expect((await one.digest()) === empty, 'all commands have changed nothing that the digest tells').toBe(false)
      expect(await two.digest()).toBe(empty)
    },

    'the digest changes nothing, and is the same when it is taken twice': async () => {
      const [asked, quiet] = [drive(), drive()]
      for (const [i, command] of commands.entries()) {
        await asked.feed(command.slice(), i + 1)
        expect(await asked.digest()).toBe(await asked.digest())
        await quiet.feed(command.slice(), i + 1)
      }
      expect(await asked.digest()).toBe(await quiet.digest())
    },

    'the same log gives the same results and the same state at every index': async () => {
      const [one, two] = [drive(), drive()]
      for (const [i, command] of commands.entries()) {
        const result = await one.feed(command.slice(), i + 1)
        expect(await two.feed(command.slice(), i + 1), `command ${i + 1}`).toBe(result)
        expect(await two.digest(), `after command ${i + 1}`).toBe(await one.digest())
      }
    },

    'the time of day and the dice of the process decide nothing': async () => {
      const here = drive()
      const results = await run(here, commands)
      const elsewhere = await inAnotherWorld(async () => {
        const machine = drive()
        return { results: await run(machine, commands), digest: await machine.digest() }
      })
      expect(elsewhere.results).toEqual(results)
      expect(elsewhere.digest).toBe(await here.digest())
    },

    'machines share nothing: one beside another becomes what it becomes alone': async () => {
      const other = commandsOf(2)
      const [alone, beside, neighbour] = [drive(), drive(), drive()]
      await run(alone, commands)
      for (let i = 0; i < Math.max(commands.length, other.length); i++) {
        if (i < other.length) await neighbour.feed(other[i]!.slice(), i + 1)
        if (i < commands.length) await beside.feed(commands[i]!.slice(), i + 1)
      }
      expect(await beside.digest()).toBe(await alone.digest())
    },

    'a payload is only lent: it is neither changed, nor needed afterwards': async () => {
      const [kept, lent] = [drive(), drive()]
      for (const [i, command] of commands.entries()) {
        await kept.feed(command.slice(), i + 1)
        const buffer = command.slice()
        await lent.feed(buffer, i + 1)
        expect([...buffer], `command ${i + 1}`).toEqual([...command])
        buffer.fill(0xa5)
      }
      expect(await lent.digest()).toBe(await kept.digest())
    },

    'it does not matter where in a larger buffer a payload lies': async () => {
      const [alone, inside] = [drive(), drive()]
      await run(alone, commands)
      for (const [i, command] of commands.entries()) {
        const buffer = new Uint8Array(command.length + 13).fill(0x5a)
        buffer.set(command, 7)
        await inside.feed(buffer.subarray(7, 7 + command.length), i + 1)
      }
      expect(await inside.digest()).toBe(await alone.digest())
    },

    'many other logs: replicas are equal after each': async () => {
      for (let seed = 2; seed <= 12; seed++) {
        const log = commandsOf(seed)
        const [one, two] = [drive(), drive()]
        expect(await run(one, log)).toEqual(await run(two, log))
        expect(await one.digest(), `commands of seed ${seed}`).toBe(await two.digest())
      }
    },

    'the commands are drawn from what they were given': () => {
      expect(commandsOf(5).map((bytes) => [...bytes])).toEqual(commandsOf(5).map((bytes) => [...bytes]))
    },
  }

  const cases =
    options.kind === 'apply'
      ? applyCases(runner, options.create, commands)
      : speculativeCases(runner, options.create, commands)
  runCases(runner, `${options.name}: a state machine`, { ...common, ...cases }, options.skip)
}

/** What is only true of apply callbacks. */
function applyCases(
  { expect }: TestRunner,
  create: () => ApplyMachine,
  commands: readonly Uint8Array[],
): Record<string, Case> {
  const applyAll = async (blockEntries: (random: Random) => number): Promise<string> => {
    const machine = create()
    const random = seededRandom(4)
    for (let at = 0; at < commands.length; ) {
      const count = Math.min(blockEntries(random), commands.length - at)
      const payloads = commands.slice(at, at + count).map((payload) => ({ kind: 'data' as const, payload }))
      const origin = { node: 'a', incarnation: 1, sequence: at + 1 }
      for (const entry of entriesOf(encodeBlock({ index: at + 1, term: 1 }, origin, payloads), 0)) {
        await resultOf(() => machine.apply(entry))
      }
      at += count
    }
    return String(await machine.digest())
  }
  return {
    'it does not matter how entries are cut into blocks': async () => {
      const single = await applyAll(() => 1)
      expect(await applyAll(() => commands.length)).toBe(single)
      expect(await applyAll((random) => 1 + below(random, 7))).toBe(single)
    },

    'a restart replays everything into a new machine, which becomes equal': async () => {
      const random = seededRandom(5)
      const whole = create()
      for (const [i, command] of commands.entries()) await resultOf(() => whole.apply(entryOf(command.slice(), i + 1)))
      for (let round = 0; round < 5; round++) {
        const stopAt = below(random, commands.length)
        const stopped = create()
        for (let i = 0; i < stopAt; i++) await resultOf(() => stopped.apply(entryOf(commands[i]!.slice(), i + 1)))
        const next = create()
        for (const [i, command] of commands.entries()) {
          await resultOf(() => next.apply(entryOf(command.slice(), i + 1)))
        }
        expect(String(await next.digest())).toBe(String(await whole.digest()))
      }
    },
  }
}

/** What is only true of the state machines of shards. */
function speculativeCases(
  { expect }: TestRunner,
  create: () => SpeculativeMachine,
  commands: readonly Uint8Array[],
): Record<string, Case> {
  const digestOf = async (machine: SpeculativeMachine): Promise<string> => String(await machine.digest())
  /** Replays everything, with `between` called after each; stamps have gaps, as they do when some were released. */
  const replayAll = (between: (machine: SpeculativeMachine, stamp: number) => void): SpeculativeMachine => {
    const machine = create()
    for (const [i, command] of commands.entries()) {
      const stamp = (i + 1) * 3
      machine.replay(command.slice(), stamp, 1)
      between(machine, stamp)
    }
    return machine
  }
  return {
    'when it is told what is settled changes nothing of the newest state': async () => {
      const never = await digestOf(replayAll(() => undefined))
      expect(await digestOf(replayAll((machine, stamp) => machine.settle(stamp)))).toBe(never)
      const random = seededRandom(6)
      let settled = 0
      const sometimes = replayAll((machine, stamp) => {
        if (below(random, 4) > 0) return
        const watermark = stamp - below(random, 3)
        if (watermark > settled) machine.settle((settled = watermark))
      })
      expect(await digestOf(sometimes)).toBe(never)
    },

    'an epoch that ends above everything that was replayed undoes nothing': async () => {
      const whole = replayAll(() => undefined)
      const before = await digestOf(whole)
      whole.rollBack(1, commands.length * 3)
      expect(await digestOf(whole)).toBe(before)
    },

    'what is above the final watermark of its epoch never happened': async () => {
      for (const kept of [0, 1, Math.floor(commands.length / 2), commands.length - 1]) {
        const rolledBack = replayAll(() => undefined)
        rolledBack.rollBack(1, kept * 3 + 1)
        const prefix = create()
        for (let i = 0; i < kept; i++) prefix.replay(commands[i]!.slice(), (i + 1) * 3, 1)
        expect(await digestOf(rolledBack), `after ${kept} commands`).toBe(await digestOf(prefix))
      }
    },

    'only the epoch that is named is rolled back': async () => {
      const half = Math.floor(commands.length / 2)
      const machine = create()
      const prefix = create()
      for (const [i, command] of commands.entries()) {
        if (i === half) machine.rollBack(1, half * 3)
        machine.replay(command.slice(), (i + 1) * 3, i < half ? 1 : 2)
        if (i < half) prefix.replay(command.slice(), (i + 1) * 3, 1)
      }
      machine.rollBack(2, half * 3)
      expect(await digestOf(machine)).toBe(await digestOf(prefix))
    },
  }
}

/** What a call gives, or throws, as text. */
async function resultOf(call: () => unknown): Promise<string> {
  try {
    const value = await call()
    if (value === undefined) return 'undefined'
    return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each))
  } catch (error) {
    return `throws ${error instanceof Error ? error.message : String(error)}`
  }
}

function entryOf(payload: Uint8Array, index: number): Entry {
  const origin = { node: 'a', incarnation: 1, sequence: index }
  return { partition: 0, index, term: 1, kind: 'data', origin, payload }
}

/** Runs something on another day and with other dice; what was there before is there again afterwards. */
async function inAnotherWorld<T>(work: () => Promise<T>): Promise<T> {
  const random = seededRandom(8)
  const dice = Object.getOwnPropertyDescriptor(Math, 'random')!
  const clock = Object.getOwnPropertyDescriptor(Date, 'now')!
  const now = clock.value as () => number
  Object.defineProperty(Math, 'random', { ...dice, value: () => random.u32() / 2 ** 32 })
  Object.defineProperty(Date, 'now', { ...clock, value: () => now() + 400 * 24 * 3600 * 1000 })
  try {
    return await work()
  } finally {
    Object.defineProperty(Math, 'random', dice)
    Object.defineProperty(Date, 'now', clock)
  }
}
