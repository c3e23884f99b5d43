// A scripted run of a log store, and what the store must hold after each of its writes.
//
// Always true: the script depends on nothing, and its oracle is a plain list of blocks that knows nothing of files. A
// block is laid over whole blocks only. An append counts from the moment it is acknowledged; one that is not may be
// there as a prefix of its writes.

import { crc32 } from 'node:zlib'
import {
  below,
  type Block,
  entriesOf,
  lastIndexOf,
  type LogIdentity,
  type LogStore,
  type LogWrite,
  type RecoveredLog,
  seededRandom,
} from '@mako/engine'
import { type FileLogOptions, openFileLog } from '../../src/log/index.ts'
import { type FilesHost, type SimFiles } from '../../../testkit/src/node/sim-files.ts'
import { blockOf, put, state } from './suite.ts'

export const SCRIPT_IDENTITY: LogIdentity = { clusterId: 'orders', nodeId: 'a', partitions: [0, 1, 2] }

/** Small, so that a run of a few hundred appends has dozens of segments. */
export const SEGMENT_BYTES = 4096

/** With `SWEEP=full` every point is visited, otherwise every n-th. */
export const FULL: boolean = process.env['SWEEP'] === 'full'

/** Answers each call in a later microtask. */
export const AT_ONCE: FilesHost = {
  later: (_call, answer) => {
    queueMicrotask(answer)
  },
}

/** Opens the log of one life of a process on these files. */
export function openOn(files: SimFiles, host: FilesHost = AT_ONCE, options: FileLogOptions = {}): Promise<LogStore> {
  const random = seededRandom(files.calls + 1)
  return openFileLog('/log', {
    files: options.files ?? files.open(host),
    segmentBytes: SEGMENT_BYTES,
    random,
    ...options,
  })
}

export type Step =
  | { readonly type: 'append'; readonly writes: readonly LogWrite[] }
  | { readonly type: 'read'; readonly partition: number; readonly from: number }
  | { readonly type: 'reopen' }

export interface Script {
  readonly steps: readonly Step[]
  /** What the store holds (see `contentOf`) after `n` appends and the first `k` writes of the next: `[n][k]`. */
  readonly contents: readonly (readonly string[])[]
  /** The same after the last append. */
  readonly last: string
}

/** Appends of all kinds, reads, and restarts in order. */
export function makeScript(stepCount: number, seed: number): Script {
  const random = seededRandom(seed)
  const oracle = new Oracle()
  const steps: Step[] = []
  const contents: string[][] = []
  let text = 0
  for (let n = 1; n <= stepCount; n++) {
    if (n % 45 === 0) {
      steps.push({ type: 'reopen' })
      continue
    }
    if (n % 11 === 0) {
      steps.push({ type: 'read', partition: below(random, 3), from: 1 + below(random, 40) })
      continue
    }
    const writes: LogWrite[] = []
    const before: string[] = []
    // Most appends are one block or a hard state and a block; some gather what many partitions have written.
    for (let left = [1, 1, 2, 2, 3, 6][below(random, 6)]!; left > 0; left--) {
      const partition = below(random, 3)
      const write =
        below(random, 3) === 0
          ? state(partition, `state ${++text}${'.'.repeat(below(random, 60))}`)
          : put(partition, ...oracle.draw(partition, ++text, n % 50 === 7, random))
      before.push(oracle.content())
      oracle.apply(write)
      writes.push(write)
    }
    contents.push(before)
    steps.push({ type: 'append', writes })
  }
  return { steps, contents, last: oracle.content() }
}

/**
 * Runs the script; `acknowledged` is told how many appends have been, one by one. The first error ends it; the store is
 * then closed, as an engine does.
 */
export async function runScript(
  script: Script,
  open: () => Promise<LogStore>,
  acknowledged: (appends: number) => void,
): Promise<void> {
  let appends = 0
  let log: LogStore | undefined
  try {
    log = await open()
    await log.recover(SCRIPT_IDENTITY)
    for (const step of script.steps) {
      switch (step.type) {
        case 'append':
          await log.append(step.writes)
          acknowledged(++appends)
          break
        case 'read':
          for (const block of await log.read(step.partition, step.from, 2000)) entriesOf(block, step.partition)
          break
        case 'reopen':
          await log.close()
          log = await open()
          await log.recover(SCRIPT_IDENTITY)
          break
      }
    }
    await log.close()
  } catch (error) {
    await log?.close().catch(() => undefined)
    throw error
  }
}

/** What may be there when so many appends were acknowledged and at most one more was under way. */
export function allowedAfter(script: Script, appends: number): readonly string[] {
  return [...(script.contents[appends] ?? []), script.contents[appends + 1]?.[0] ?? script.last]
}

/** Everything that a store holds, in one line: hard states, spans, and a checksum of every byte of every block. */
export async function contentOf(log: LogStore, recovered: RecoveredLog): Promise<string> {
  const parts: string[] = []
  for (const partition of SCRIPT_IDENTITY.partitions) {
    const { state: kept, blocks: spans } = recovered.partitions.get(partition)!
    const blocks: Block[] = []
    while (blocks.length < spans.length) {
      const span = spans[blocks.length]!
      const run = await log.read(partition, span.index, 1e9)
      if (run[0]?.index !== span.index) throw new Error(`partition ${partition} has no block at ${span.index}`)
      for (const block of run) entriesOf(block, partition)
      blocks.push(...run)
    }
    parts.push(line(partition, kept, blocks))
  }
  return parts.join(' | ')
}

function line(partition: number, kept: Uint8Array | undefined, blocks: readonly Block[]): string {
  const spans = blocks.map(({ index, count, term, bytes }) => `${index}+${count}@${term}:${crc32(bytes)}`)
  return `${partition} "${new TextDecoder().decode(kept)}" ${spans.join(' ')}`
}

/** What a log is, without any file. */
export class Oracle {
  readonly #partitions = new Map<number, { state: Uint8Array | undefined; blocks: Block[] }>()

  /** A next block for a partition, and whether it truncates: at the end, over an older one, or behind a hole. */
  draw(partition: number, term: number, isLarge: boolean, random: { u32(): number }): [Block, boolean] {
    const { blocks } = this.#of(partition)
    const newest = blocks.at(-1)
    const end = newest === undefined ? 1 : lastIndexOf(newest) + 1
    const payloadBytes = isLarge ? 2 * SEGMENT_BYTES : [0, 10, 30, 100, 300][below(random, 5)]!
    const make = (index: number, count: number): Block => blockOf(index, count, term, '', payloadBytes)
    const older = blocks[blocks.length - 1 - below(random, 4)]
    switch (older === undefined ? 0 : below(random, 8)) {
      case 5:
        return [make(older!.index, older!.count), false]
      case 6:
        return [make(older!.index, 1 + below(random, 3)), true]
      case 7:
        return [make(end + 1 + below(random, 3), 1), false]
      default:
        return [make(end, 1 + below(random, 3)), below(random, 2) === 0]
    }
  }

  apply(write: LogWrite): void {
    const kept = this.#of(write.partition)
    if (write.type === 'state') {
      kept.state = write.state
      return
    }
    const { block, truncate } = write
    const last = truncate ? Infinity : lastIndexOf(block)
    kept.blocks = kept.blocks.filter((other) => lastIndexOf(other) < block.index || other.index > last)
    kept.blocks.push(block)
    kept.blocks.sort((a, b) => a.index - b.index)
  }

  content(): string {
    return SCRIPT_IDENTITY.partitions
      .map((partition) => {
        const kept = this.#of(partition)
        return line(partition, kept.state, kept.blocks)
      })
      .join(' | ')
  }

  #of(partition: number): { state: Uint8Array | undefined; blocks: Block[] } {
    let kept = this.#partitions.get(partition)
    if (kept === undefined) this.#partitions.set(partition, (kept = { state: undefined, blocks: [] }))
    return kept
  }
}
