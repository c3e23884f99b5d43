// Partitions that one node must lead together (DESIGN section 6): a shard executes where all of its streams are led.
//
// No vote is bent for this. After a crash no single follower need hold the newest entries of every partition, so no
// voting rule can make one node win them all; what is won by different nodes is brought together by leadership
// transfer, which first brings its target up to date. Always true: every node computes the same target from the same
// knowledge, and each transfer makes the target lead one partition more, so the group comes to rest. A node on which a
// member of the group has stopped can never lead all: it campaigns for none, and gives away what it leads.

import type { NodeId } from './entry.ts'
import type { Replica } from './replica.ts'

export class LeadTogether<Message> {
  readonly #nodeId: NodeId
  readonly #replicas: readonly Replica<Message>[]
  readonly #electionTimeoutMs: number
  /** When each partition's leadership was last offered away, so that an offer has time to succeed. */
  readonly #offeredAt = new Map<number, number>()
  /** Who led the group last, as far as this node knew. */
  #formerLeader: NodeId | undefined
  #campaign = false

  constructor(nodeId: NodeId, replicas: readonly Replica<Message>[], electionTimeoutMs: number) {
    this.#nodeId = nodeId
    this.#replicas = replicas
    this.#electionTimeoutMs = electionTimeoutMs
  }

  has(replica: Replica<Message>): boolean {
    return this.#replicas.includes(replica)
  }

  /** A member of the group has changed its role: when it campaigns, all do. */
  roleChanged(replica: Replica<Message>): void {
    const { role, leader } = replica.role
    if (role === 'candidate' || role === 'pre-candidate') this.#campaign = true
    else if (leader !== undefined) this.#formerLeader = leader
  }

  /** Once a turn. True when a replica was given an input. */
  act(now: number): boolean {
    if (!this.#campaign) return false
    this.#campaign = false
    if (this.#isCrippled) return false
    let acted = false
    for (const replica of this.#replicas) {
      const { role, leader } = replica.role
      if (role !== 'follower' || (leader !== undefined && leader !== this.#formerLeader)) continue
      replica.step({ type: 'campaign', now })
      acted = true
    }
    return acted
  }

  /** Once a tick: offers what this node leads to the node that shall lead all. */
  unite(now: number): void {
    const isCrippled = this.#isCrippled
    const target = isCrippled ? undefined : this.#target()
    if (!isCrippled && (target === undefined || target === this.#nodeId)) return
    for (const replica of this.#replicas) {
      if (replica.role.role !== 'leader' || !replica.isAlive) continue
      const offeredAt = this.#offeredAt.get(replica.partition)
      if (offeredAt !== undefined && now - offeredAt < 2 * this.#electionTimeoutMs) continue
      this.#offeredAt.set(replica.partition, now)
      void replica.transfer(target, now)
    }
  }

  get #isCrippled(): boolean {
    return this.#replicas.some((replica) => !replica.isAlive)
  }

  /** The leader of most partitions; of equals, the one that leads the first of them. Undefined until all have one. */
  #target(): NodeId | undefined {
    const led = new Map<NodeId, number>()
    for (const { role } of this.#replicas) {
      if (role.leader === undefined) return undefined
      led.set(role.leader, (led.get(role.leader) ?? 0) + 1)
    }
    let target: NodeId | undefined
    let most = 0
    // A Map keeps the order of insertion: the first of equals is the leader of the earlier partition.
    for (const [node, count] of led) {
      if (count > most) {
        most = count
        target = node
      }
    }
    return target
  }
}
