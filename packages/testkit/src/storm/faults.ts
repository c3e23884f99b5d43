// The faults of a storm: each a named, counted injector that acts at random times until it is told to stop.

import { below, type NodeId, type Random } from '@mako/engine'
import type { SimCluster } from '../world/cluster.ts'
import { between, chance, pick } from '../world/random.ts'
import type { FaultRates, Swarm } from './swarm.ts'

export class Faults<Message> {
  readonly #cluster: SimCluster<Message>
  readonly #random: Random
  readonly #swarm: Swarm
  #active = false

  constructor(cluster: SimCluster<Message>, random: Random, swarm: Swarm) {
    this.#cluster = cluster
    this.#random = random
    this.#swarm = swarm
  }

  start(): void {
    this.#active = true
    const { faults } = this.#swarm
    const actions: Readonly<Record<keyof FaultRates, () => void>> = {
      crash: () => this.#crash(),
      crashAll: () => this.#crashAll(),
      stop: () => this.#stop(),
      cut: () => this.#cut(),
      clog: () => this.#clog(),
      pause: () => this.#pause(),
      diskStuck: () => this.#stickDisk(),
      diskError: () => this.#failDisk(),
      transfer: () => this.#transfer(),
      wallJump: () => this.#jumpWallClock(),
    }
    for (const fault of Object.keys(actions) as (keyof FaultRates)[]) {
      const meanMs = faults[fault]
      if (meanMs !== undefined) this.#repeat(meanMs, actions[fault])
    }
  }

  /** No new faults; what they have left behind is for `SimCluster.heal` and `startAll`. */
  stop(): void {
    this.#active = false
  }

  /** A node whose disk has failed is of no use any more: it is ended and started again. */
  restartSoon(id: NodeId): void {
    this.#cluster.time.schedule(between(this.#random, 1, this.#swarm.downMs), () => {
      if (this.#cluster.node(id).engine?.status().state === 'faulted') this.#end(id)
    })
  }

  #repeat(meanMs: number, action: () => void): void {
    this.#cluster.time.schedule(below(this.#random, 2 * meanMs * 1000) / 1000, () => {
      if (!this.#active) return
      action()
      this.#repeat(meanMs, action)
    })
  }

  #end(id: NodeId): void {
    const { process } = this.#cluster.node(id)
    if (process === undefined) return
    this.#cluster.crash(id)
    this.#cluster.time.schedule(between(this.#random, 1, this.#swarm.downMs), () => this.#cluster.start(id))
  }

  /** A node to do something to: a leader half of the time, because that is where it hurts. */
  #victim(): NodeId | undefined {
    const { partitions } = this.#cluster
    const leader = chance(this.#random, 0.5) ? this.#cluster.leader(pick(this.#random, partitions)) : undefined
    return (leader ?? this.#cluster.anyUp(this.#random))?.id
  }

  #count(fault: string): void {
    this.#cluster.book.count(`fault: ${fault}`)
  }

  #crash(): void {
    const id = this.#victim()
    if (id === undefined) return
    const { process, disk } = this.#cluster.node(id)
    const crash = (): void => {
      if (this.#cluster.node(id).process === process) this.#end(id)
    }
    switch (below(this.#random, 4)) {
      case 0:
        this.#count('crash')
        crash()
        return
      case 1:
        this.#count('crash before flush')
        disk.arm('before', crash)
        return
      case 2:
        this.#count('crash after flush')
        disk.arm('after', crash)
        return
      default:
        this.#count('crash while sending')
        this.#cluster.crashAtSend(id, between(this.#random, 1, 20), crash)
    }
  }

  #crashAll(): void {
    this.#count('crash of all')
    for (const { id } of this.#cluster.up) this.#end(id)
  }

  #stop(): void {
    const id = this.#victim()
    if (id === undefined) return
    this.#count('stop')
    void this.#cluster.stop(id).then(() => {
      this.#cluster.time.schedule(between(this.#random, 1, this.#swarm.downMs), () => this.#cluster.start(id))
    })
  }

  #cut(): void {
    const random = this.#random
    const ids = this.#cluster.nodes.map(({ id }) => id)
    const one = this.#victim() ?? pick(random, ids)
    const others = ids.filter((id) => id !== one)
    const another = pick(random, others)
    let join: () => void
    switch (below(random, 5)) {
      case 0:
        this.#count('isolated node')
        join = this.#cluster.partition([one], others)
        break
      case 1:
        this.#count('deaf node')
        join = this.#cluster.cut(others.map((other) => [other, one]))
        break
      case 2:
        this.#count('mute node')
        join = this.#cluster.cut(others.map((other) => [one, other]))
        break
      case 3:
        this.#count('bridge')
        join = this.#cluster.partition([one], [another])
        break
      default: {
        this.#count('split')
        const left = ids.filter(() => chance(random, 0.5))
        join = this.#cluster.partition(
          left,
          ids.filter((id) => !left.includes(id)),
        )
      }
    }
    this.#cluster.time.schedule(between(random, 10, 4 * this.#swarm.tuning.electionTimeoutMs), join)
  }

  #clog(): void {
    const ids = this.#cluster.nodes.map(({ id }) => id)
    const from = pick(this.#random, ids)
    const to = pick(
      this.#random,
      ids.filter((id) => id !== from),
    )
    this.#count('clog')
    this.#cluster.network.clog(from, to, between(this.#random, 10, 2 * this.#swarm.tuning.electionTimeoutMs))
  }

  #pause(): void {
    const id = this.#victim()
    if (id === undefined) return
    const { process } = this.#cluster.node(id)
    this.#count('pause')
    process?.pause()
    this.#cluster.time.schedule(between(this.#random, 10, 3 * this.#swarm.tuning.electionTimeoutMs), () => {
      process?.resume()
    })
  }

  #stickDisk(): void {
    const id = this.#victim()
    if (id === undefined) return
    const { disk } = this.#cluster.node(id)
    this.#count('stuck disk')
    disk.stick()
    this.#cluster.time.schedule(between(this.#random, 10, 3 * this.#swarm.tuning.electionTimeoutMs), () => {
      disk.unstick()
    })
  }

  #failDisk(): void {
    const id = this.#victim()
    if (id === undefined) return
    this.#count('failing disk')
    this.#cluster.node(id).disk.failNext()
  }

  #transfer(): void {
    const partition = pick(this.#random, this.#cluster.partitions)
    const leader = this.#cluster.leader(partition)
    if (leader?.engine === undefined) return
    this.#count('transfer')
    const to = chance(this.#random, 0.3) ? undefined : pick(this.#random, this.#cluster.nodes).id
    void leader.engine.transferLeadership(partition, to).then(({ status }) => {
      this.#cluster.book.count(`transfer ${status}`)
    })
  }

  #jumpWallClock(): void {
    const id = this.#victim()
    if (id === undefined) return
    this.#count('wall clock jump')
    this.#cluster.node(id).process?.jumpWallClock(between(this.#random, -3_600_000, 3_600_000))
  }
}
