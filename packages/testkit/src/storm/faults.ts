// The faults of a storm: carries out a plan, action by action, and notes what has come of each.
//
// Always true: each action has a scene of its own, with randomness of its own, so that leaving one out changes nothing
// about the others but the state in which they find the cluster.

import type { NodeId, Random } from '@mako/engine'
import type { AnyCluster } from '../world/cluster.ts'
import { between, stream } from '../world/random.ts'
import * as disks from './injectors/disks.ts'
import * as leadership from './injectors/leadership.ts'
import * as network from './injectors/network.ts'
import * as processes from './injectors/processes.ts'
import { actionStream, planFaults, type FaultFamily, type InjectedFault, type PlannedFault } from './plan.ts'
import { Scene, type Injector, type StormState } from './scene.ts'
import type { Swarm } from './swarm.ts'

const INJECTORS: Readonly<Record<FaultFamily, Injector>> = { ...processes, ...network, ...disks, ...leadership }

export interface FaultsOptions {
  readonly seed: number
  readonly cluster: AnyCluster
  readonly swarm: Swarm
  readonly garbage: (random: Random) => Uint8Array | undefined
  /** Actions that are left out, by their ordinals. */
  readonly skip?: (ordinal: number) => boolean
  /** Told of each action when it is done. */
  readonly onInjected?: (fault: InjectedFault) => void
}

export class Faults {
  readonly #options: FaultsOptions
  readonly #state: StormState
  readonly #restarts = new Map<NodeId, number>()

  constructor(options: FaultsOptions) {
    const { cluster, swarm, garbage } = options
    this.#options = options
    this.#state = { cluster, swarm, garbage, lost: new Set(), isActive: false }
  }

  /** Nodes whose data is lost: they stay down until their disks are replaced. */
  get lost(): ReadonlySet<NodeId> {
    return this.#state.lost
  }

  start(durationMs: number): void {
    this.#state.isActive = true
    this.#wait(planFaults(this.#options.seed, this.#options.swarm.faults, durationMs), 0)
  }

  /** Waits for the next action of the plan, and then for the one behind it. */
  #wait(plan: readonly PlannedFault[], at: number): void {
    const { cluster, skip } = this.#options
    const action = plan[at]
    if (action === undefined) return
    cluster.time.schedule(action.atMs - cluster.time.nowMs, () => {
      if (!this.#state.isActive) return
      if (skip?.(action.ordinal) !== true) this.#inject(action)
      this.#wait(plan, at + 1)
    })
  }

  #inject(action: PlannedFault): void {
    const { seed, cluster, onInjected } = this.#options
    const scene = new Scene(this.#state, actionStream(seed, action.ordinal))
    const kind = INJECTORS[action.family](scene)
    if (kind !== undefined) cluster.book.count(`fault: ${kind}`)
    onInjected?.({ ...action, kind, targets: kind === undefined ? [] : [...scene.targets] })
  }

  /** No new faults; what they have left behind is for `SimCluster.heal` and for the repair. */
  stop(): void {
    this.#state.isActive = false
  }

  /** A node whose disk has failed, or has refused a start, is of no use any more: it is ended and started again. */
  restartSoon(id: NodeId): void {
    const { seed, cluster, swarm } = this.#options
    const number = this.#restarts.get(id) ?? 0
    this.#restarts.set(id, number + 1)
    const random = stream(seed, `restart ${id} ${number}`)
    const { process } = cluster.node(id)
    cluster.time.schedule(between(random, 1, swarm.downMs), () => {
      const node = cluster.node(id)
      if (node.process !== process) return
      if (node.engine !== undefined && node.engine.status().state !== 'faulted') return
      cluster.crash(id)
      cluster.time.schedule(between(random, 1, swarm.downMs), () => {
        if (!this.#state.lost.has(id)) cluster.start(id)
      })
    })
  }
}
