// A laboratory: five production engines in virtual time, and the questions that the cases of Mako's Raft lab ask.
//
// Always true: commands are told apart by their text, and places by their position among the commands that a node has
// applied; so a case means the same for a protocol whose log has entries of its own and for one whose log has not. A
// question that is answered wrongly throws, and so does a broken law of the book.

import type { Core, Entry, NodeId, Protocol } from '@mako/engine'
import type { ProtocolProbe } from '../laws/watch.ts'
import { SimCluster } from '../world/cluster.ts'
import { CALM_NETWORK } from '../world/network-options.ts'
import { chance, stream } from '../world/random.ts'

/** What the lab wants of a protocol. */
export interface LabTuning {
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
}

/** Upstream's heartbeat, and the shortest election timeout that is any good with it. */
export const LAB_TUNING: LabTuning = { heartbeatMs: 100, electionTimeoutMs: 250 }

/** How long upstream's cases wait for an election, and for one command to be agreed on. */
export const ELECTION_LIMIT_MS = 5000
export const AGREEMENT_LIMIT_MS = 10_000

/** A command that is not agreed on after this long is started again, where there is a leader by then. */
const RETRY_MS = 2000
const STEP_MS = 10

/** An unreliable network draws its weather anew this often. */
const WEATHER_MS = 100
const CUT_PROBABILITY = 0.1
const UNRELIABLE_DELAY_MS: readonly [number, number] = [0, 26]

export interface LabOptions<Message> {
  readonly seed: number
  /** @default 5, as upstream has it */
  readonly nodes?: number
  readonly protocol: (tuning: LabTuning) => Protocol<Message>
  /** What the laws may know of the protocol's messages. @default nothing */
  readonly probe?: ProtocolProbe<Message>
  /**
   * Whether the log holds commands and nothing else, so that a command's index is its position; the lab then holds
   * the engines to that. (Raft with `noopOnElection: false`.)
   */
  readonly exactIndexes: boolean
  /** Which messages are calls; a reply is a part of its call. @default all */
  readonly isCall?: (message: Message) => boolean
}

/** A command that was accepted, and not more than that. */
export interface Started {
  readonly index: number
  readonly term: number
}

/** What of a cluster does not depend on the protocol. */
export type LabCluster = Pick<
  SimCluster<unknown>,
  'book' | 'crash' | 'network' | 'node' | 'nodes' | 'partition' | 'runFor' | 'runUntil' | 'start' | 'startAll' | 'time'
>

/** What the engines have done, as the lab writes it down. */
interface Records {
  calls: number
  /** What each node has applied in its present life. */
  readonly applied: Map<NodeId, AppliedLog>
}

class AppliedLog {
  readonly entries: { readonly command: string; readonly index: number }[] = []
  /** Where each command stands for the first time, counted from 1. */
  readonly positions: Map<string, number> = new Map()

  add({ index, payload }: Entry): void {
    const command = decoder.decode(payload)
    this.entries.push({ command, index })
    if (!this.positions.has(command)) this.positions.set(command, this.entries.length)
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Makes a laboratory; its nodes are not started yet. */
export function createLab<Message>(options: LabOptions<Message>): Lab {
  const { seed, isCall, probe } = options
  const records: Records = { calls: 0, applied: new Map() }
  const protocol = options.protocol(LAB_TUNING)
  const counted: Protocol<Message> = {
    ...protocol,
    createCore: (core) => countCalls(protocol.createCore(core), records, isCall),
  }
  const cluster = new SimCluster<Message>({
    seed,
    nodes: options.nodes ?? 5,
    protocol: () => counted,
    apply: (entry, { node }) => records.applied.get(node.id)?.add(entry),
    onEngine: ({ id }) => records.applied.set(id, new AppliedLog()),
    ...(probe === undefined ? {} : { probe }),
  })
  return new Lab(cluster, records, seed, options.exactIndexes)
}

/** The same core; what it sends is counted, to each node it is sent to. */
function countCalls<Message>(
  core: Core<Message>,
  records: Records,
  isCall: LabOptions<Message>['isCall'],
): Core<Message> {
  return {
    step: (input) => core.step(input),
    admit: () => core.admit(),
    propose: (block) => core.propose(block),
    takeOutput: () => {
      const output = core.takeOutput()
      for (const { message } of output.messages) if (isCall?.(message) !== false) records.calls++
      return output
    },
    blockAt: (index) => core.blockAt(index),
    status: () => core.status(),
  }
}

export class Lab {
  readonly cluster: LabCluster
  readonly seed: number
  readonly exactIndexes: boolean
  readonly #records: Records
  readonly #isolated = new Map<NodeId, () => void>()
  #joinGroups: (() => void) | undefined
  #weather: (() => void)[] | undefined

  constructor(cluster: LabCluster, records: Records, seed: number, exactIndexes: boolean) {
    this.cluster = cluster
    this.seed = seed
    this.exactIndexes = exactIndexes
    this.#records = records
  }

  get ids(): readonly NodeId[] {
    return this.cluster.nodes.map(({ id }) => id)
  }

  /** Calls that were made so far, by all nodes together. */
  get calls(): number {
    return this.#records.calls
  }

  /** Bytes that all nodes together have sent in their present lives. */
  get bytesSent(): number {
    return this.cluster.nodes.reduce((sum, { engine }) => sum + (engine?.status().transport.bytesSent ?? 0), 0)
  }

  async run(durationMs: number): Promise<void> {
    await this.cluster.runFor(durationMs)
    this.#checkLaws()
  }

  /** @throws Error when the condition does not hold in time */
  async until(condition: () => boolean, limitMs: number, what: string): Promise<void> {
    const holds = await this.cluster.runUntil(condition, limitMs)
    this.#checkLaws()
    this.expect(holds, `${what} in ${limitMs} ms`)
  }

  /** @throws Error when it is not so */
  expect(isTrue: boolean, what: string): void {
    if (!isTrue) throw new Error(`Seed ${this.seed}, at ${Math.round(this.cluster.time.nowMs)} ms: expected ${what}.`)
  }

  // ------------------------------------------------------------------------------------------------ leaders

  /** Whoever says now that it leads, cut off or not. */
  claimants(): readonly NodeId[] {
    return this.ids.filter((id) => this.cluster.node(id).engine?.isLeader() === true)
  }

  /** The one leader among the nodes that are connected, once there is exactly one in the newest term. */
  async oneLeader(limitMs: number = ELECTION_LIMIT_MS): Promise<NodeId> {
    let leader: NodeId | undefined
    await this.until(() => (leader = this.#leaderNow()) !== undefined, limitMs, 'one leader')
    return leader!
  }

  /** Nobody says that it leads, not even a node that is cut off. */
  noLeader(): void {
    const claimants = this.claimants()
    this.expect(claimants.length === 0, `no leader, but ${claimants.join(' and ')} says that it leads`)
  }

  /** The term that all connected nodes agree on. */
  oneTerm(): number {
    const terms = new Set(this.#connected().map((id) => this.cluster.node(id).engine!.status().partitions[0]!.term))
    this.expect(terms.size === 1, `one term, there are ${[...terms].join(', ')}`)
    return [...terms][0]!
  }

  // ------------------------------------------------------------------------------------------------ commands

  /** Adds a command on this node; undefined when it does not take it. */
  start(id: NodeId, command: string): Started | undefined {
    const result = this.cluster.node(id).engine?.addLog(encoder.encode(command))
    return result?.status === 'SUCCESS' ? { index: result.index, term: result.term } : undefined
  }

  /** Adds a command on a node that is known to take it. */
  mustStart(id: NodeId, command: string): Started {
    const started = this.start(id, command)
    this.expect(started !== undefined, `${id} to take ${command}`)
    return started!
  }

  /** The command at this position, counted from 1, and how many nodes have applied one there: upstream's nCommitted. */
  at(position: number): { readonly nodes: number; readonly command: string | undefined } {
    let nodes = 0
    let command: string | undefined
    for (const { entries } of this.#records.applied.values()) {
      const entry = entries[position - 1]
      if (entry === undefined) continue
      const { command: here, index } = entry
      this.expect(command === undefined || command === here, `one command at ${position}, not ${here} and ${command!}`)
      if (this.exactIndexes) this.expect(index === position, `${here} at index ${position}, not ${index}`)
      command = here
      nodes++
    }
    return { nodes, command }
  }

  /** How many nodes have applied this command. */
  applied(command: string): number {
    return this.ids.filter((id) => this.#positionOn(id, command) > 0).length
  }

  /** Where this command stands, 0 when nobody has applied it. */
  position(command: string): number {
    const known = this.ids.map((id) => this.#positionOn(id, command)).filter((position) => position !== 0)
    this.expect(new Set(known).size <= 1, `one position of ${command}, not ${known.join(', ')}`)
    return known[0] ?? 0
  }

  /**
   * Adds a command wherever there is a leader, again if need be, until this many nodes have applied it; its position.
   * Upstream's DoAgreement.
   */
  async agree(command: string, nodes: number, limitMs: number = AGREEMENT_LIMIT_MS): Promise<number> {
    await this.agreeOnAll([command], nodes, limitMs)
    return this.position(command)
  }

  /** The same for many commands at once: each is started when it has to be, none waits for another. */
  async agreeOnAll(commands: readonly string[], nodes: number, limitMs: number = AGREEMENT_LIMIT_MS): Promise<void> {
    const { time } = this.cluster
    const endMs = time.nowMs + limitMs
    const startedAt = new Map<string, number>()
    for (;;) {
      const open = commands.filter((command) => this.applied(command) < nodes)
      if (open.length === 0) break
      this.expect(time.nowMs < endMs, `${open.join(', ')} on ${nodes} nodes in ${limitMs} ms`)
      for (const command of open) {
        if (time.nowMs - (startedAt.get(command) ?? Number.NEGATIVE_INFINITY) < RETRY_MS) continue
        const taken = this.#connected().some((id) => this.start(id, command) !== undefined)
        if (taken) startedAt.set(command, time.nowMs)
      }
      await this.run(STEP_MS)
    }
    for (const command of commands) this.at(this.position(command))
  }

  // ------------------------------------------------------------------------------------------------- faults

  /** Cuts a node off from all others. */
  disconnect(...ids: readonly NodeId[]): void {
    for (const id of ids) {
      if (this.#isolated.has(id)) continue
      const others = this.ids.filter((other) => other !== id)
      this.#isolated.set(id, this.cluster.partition([id], others))
    }
  }

  /** Takes that back; without names for all. */
  connect(...ids: readonly NodeId[]): void {
    for (const id of ids.length === 0 ? this.ids : ids) {
      this.#isolated.get(id)?.()
      this.#isolated.delete(id)
    }
  }

  isConnected(id: NodeId): boolean {
    return !this.#isolated.has(id) && this.cluster.node(id).engine !== undefined
  }

  /** Splits the nodes into groups that do not hear each other; without groups all are joined again. */
  split(...groups: readonly (readonly NodeId[])[]): void {
    this.#joinGroups?.()
    this.#joinGroups = groups.length === 0 ? undefined : this.cluster.partition(...groups)
  }

  /** Each 100 ms every node is cut off with probability 1/10; whatever arrives is delayed by up to 26 ms. */
  setUnreliable(isUnreliable: boolean): void {
    const { network } = this.cluster
    network.behave(isUnreliable ? { ...CALM_NETWORK, delayMs: UNRELIABLE_DELAY_MS } : CALM_NETWORK)
    for (const clear of this.#weather ?? []) clear()
    this.#weather = isUnreliable ? [] : undefined
    if (isUnreliable) this.#changeWeather(stream(this.seed, 'weather'))
  }

  /** Ends the process of a node as SIGKILL does. */
  crash(...ids: readonly NodeId[]): void {
    for (const id of ids) {
      this.cluster.crash(id)
      this.#records.applied.delete(id)
    }
  }

  restart(...ids: readonly NodeId[]): void {
    for (const id of ids) this.cluster.start(id)
  }

  #changeWeather(random: ReturnType<typeof stream>): void {
    const weather = this.#weather
    if (weather === undefined) return
    for (const clear of weather.splice(0)) clear()
    for (const id of this.ids) {
      if (!chance(random, CUT_PROBABILITY)) continue
      const others = this.ids.filter((other) => other !== id)
      weather.push(this.cluster.partition([id], others))
    }
    this.cluster.time.schedule(WEATHER_MS, () => {
      if (this.#weather === weather) this.#changeWeather(random)
    })
  }

  #connected(): readonly NodeId[] {
    return this.ids.filter((id) => this.isConnected(id))
  }

  /** Of the connected nodes that lead, the one of the newest term. */
  #leaderNow(): NodeId | undefined {
    let leader: NodeId | undefined
    let newest = 0
    for (const id of this.claimants()) {
      if (!this.isConnected(id)) continue
      const { term } = this.cluster.node(id).engine!.status().partitions[0]!
      this.expect(term !== newest, `one leader in term ${term}, not ${id} and ${String(leader)}`)
      if (term < newest) continue
      leader = id
      newest = term
    }
    return leader
  }

  #positionOn(id: NodeId, command: string): number {
    return this.#records.applied.get(id)?.positions.get(command) ?? 0
  }

  #checkLaws(): void {
    const { violation } = this.cluster.book
    if (violation) this.expect(false, `no law to be broken, but: ${violation.law}: ${violation.message}`)
  }
}
