// The world of a golden script: cores of any protocol, their disks, and a network in which nothing moves by itself.
//
// Always true: there is no engine, no timer and no randomness but the seed's; the same script gives the same output.

import { type CoreLimits, MakoError, type NodeId, type Protocol, type Random, seededRandom } from '@mako/engine'
import type { Describe } from './describe.ts'
import { GoldenLaws } from './laws.ts'
import { GoldenNetwork, type Letter } from './network.ts'
import { GoldenNode } from './node.ts'
import { Report } from './report.ts'

/** The options of a protocol, as they stand in a script. */
export type GoldenProtocolOptions = Readonly<Record<string, string | number | boolean>>

/** What a golden script is played with. */
export interface GoldenSetup<Message> {
  /** @throws MakoError `BAD_OPTION` for options that the protocol does not have */
  readonly protocol: (options: GoldenProtocolOptions) => Protocol<Message>
  readonly describe: Describe<Message>
}

export interface GoldenNodesOptions {
  readonly count: number
  readonly seed: number
  readonly limits: Partial<CoreLimits>
  readonly protocol: GoldenProtocolOptions
}

const LIMITS: CoreLimits = {
  inflightEntries: 1024,
  inflightBytes: 1 << 20,
  messageBytes: 1 << 16,
  tailBytes: 1 << 20,
}

/** Steps after which a cluster that does not come to rest never will. */
const MOST_STEPS = 100_000

export class GoldenCluster<Message extends { readonly type: string }> {
  readonly describe: Describe<Message>
  readonly report: Report = new Report(() => this.nowMs)
  readonly laws: GoldenLaws = new GoldenLaws()
  readonly network: GoldenNetwork<Message> = new GoldenNetwork()
  readonly #makeProtocol: GoldenSetup<Message>['protocol']
  readonly #nodes = new Map<NodeId, GoldenNode<Message>>()
  #nowMs = 0
  #tickMs = 1
  #limits: CoreLimits = LIMITS
  #random: Random = seededRandom(1)

  constructor(setup: GoldenSetup<Message>) {
    this.describe = setup.describe
    this.#makeProtocol = setup.protocol
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get tickMs(): number {
    return this.#tickMs
  }

  get limits(): CoreLimits {
    return this.#limits
  }

  get random(): Random {
    return this.#random
  }

  get members(): readonly NodeId[] {
    return [...this.#nodes.keys()]
  }

  get nodes(): readonly GoldenNode<Message>[] {
    return [...this.#nodes.values()]
  }

  /** @throws MakoError `BAD_OPTION` when there is no node of this name */
  node(id: NodeId): GoldenNode<Message> {
    const node = this.#nodes.get(id)
    if (!node) throw new MakoError('BAD_OPTION', `There is no node ${id} in this script.`)
    return node
  }

  /** Makes the nodes a, b, c, ... and starts them. Once in a script. */
  addNodes(options: GoldenNodesOptions): void {
    if (this.#nodes.size > 0) throw new MakoError('BAD_STATE', 'The nodes of this script are there already.')
    const protocol = this.#makeProtocol(options.protocol)
    this.#tickMs = protocol.tickMs
    this.#limits = { ...LIMITS, ...options.limits }
    this.#random = seededRandom(options.seed)
    for (let i = 0; i < options.count; i++) {
      const id = String.fromCharCode('a'.charCodeAt(0) + i)
      this.#nodes.set(id, new GoldenNode(this, id, protocol))
    }
    for (const node of this.nodes) node.start()
  }

  /** Time goes on by one tick for everybody; only these nodes notice. */
  tick(nodes: readonly GoldenNode<Message>[]): void {
    this.#nowMs += this.#tickMs
    for (const node of nodes) node.step({ type: 'tick' }, `ticks at ${this.#nowMs}`, false)
  }

  /** Hands a message over; it is lost when its receiver is down. */
  deliver(letter: Letter<Message>): void {
    const { from, to, message } = letter
    this.network.remove(letter)
    const node = this.node(to)
    const text = `${from}: ${this.describe.message(message)}`
    if (node.core) node.step({ type: 'message', from, message }, `<- ${text}`, true)
    else this.report.event(to, `is down <- ${text}`, [], true)
  }

  /**
   * Goes on until these nodes have nothing left to do: messages are delivered in the order in which they were sent,
   * except for those that are held; when there are none, reads are answered; then disks write what waits.
   */
  stabilize(nodes: readonly GoldenNode<Message>[]): void {
    const ids = new Set(nodes.map(({ id }) => id))
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const letter = this.network.oldest(ids)
      if (letter) this.deliver(letter)
      else if (!nodes.some((node) => node.answerRead('blocks')) && !nodes.some((node) => node.flush())) return
    }
    throw new MakoError('BAD_STATE', `This script does not come to rest in ${MOST_STEPS} steps.`)
  }
}
