// Three engines on disk that are used in unusual ways: more than once each, with nodes that die, sleep, and come back.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import type { Subject } from '../cell.ts'
import type { EngineNodeCalls, NodeProgress } from '../children/engine-node.ts'
import type { NodeOptions } from '../children/open-engine.ts'
import type { ProtocolName } from '../systems/protocol.ts'
import { Trinity, type TrinityNode } from '../systems/trinity.ts'

export type EngineNode = TrinityNode<EngineNodeCalls>

/** What differs from the defaults. */
export type EngineSubjectOptions = Pick<NodeOptions, 'preferredLeader' | 'segmentBytes'>

const PATIENCE_MS = 20_000

export class EngineSubject implements Subject {
  readonly title: string
  readonly isOurs = true
  readonly #protocol: ProtocolName
  readonly #options: EngineSubjectOptions
  #directory: string | undefined
  #nodes: Trinity<EngineNodeCalls> | undefined

  constructor(what: string, protocol: ProtocolName, options: EngineSubjectOptions) {
    this.title = `mako-${protocol} (${what})`
    this.#protocol = protocol
    this.#options = options
  }

  async open(): Promise<void> {
    this.#directory = mkdtempSync(join(tmpdir(), 'mako-bench-'))
    process.on('exit', this.#remove)
    this.#nodes = await Trinity.start<EngineNodeCalls>('engine-node', {
      protocol: this.#protocol,
      partitions: [0],
      directory: this.#directory,
      ...this.#options,
    })
  }

  get nodes(): Trinity<EngineNodeCalls> {
    return this.#nodes!
  }

  /** Who leads now, and the others. */
  async roles(): Promise<{ readonly leader: EngineNode; readonly followers: readonly EngineNode[] }> {
    const leader = await this.nodes.leader()
    return { leader, followers: this.nodes.nodes.filter((node) => node !== leader) }
  }

  async close(): Promise<void> {
    await this.#nodes?.stop()
    this.#remove()
    process.off('exit', this.#remove)
  }

  readonly #remove = (): void => {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
  }
}

export function progressOf(node: EngineNode): Promise<NodeProgress> {
  return node.child.call('progress', undefined)
}

/** Waits until a node has applied everything up to here, and says how far it is then. */
export async function untilApplied(node: EngineNode, index: number): Promise<NodeProgress> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const progress = await progressOf(node)
    if (progress.applied >= index) return progress
    if (performance.now() > end) throw new Error(`Node ${node.id} has applied ${progress.applied} of ${index} entries.`)
    await after(2)
  }
}
