// Disturbances of leadership that any user may cause: transfers, many of them, and to a node that is just dying.

import type { NodeId } from '@mako/engine'
import { between, chance, pick } from '../../world/random.ts'
import type { Injector, Scene } from '../scene.ts'

/** Asks the leader of a partition to hand over, and now and then somebody else; false when there is nobody to ask. */
function ask(scene: Scene, to: NodeId | undefined): boolean {
  const { cluster, random } = scene
  const partition = pick(random, cluster.partitions)
  const leader = chance(random, 0.1) ? cluster.anyUp(random) : cluster.leader(partition)
  if (leader?.engine === undefined) return false
  scene.targets.add(leader.id)
  void leader.engine.transferLeadership(partition, to).then(({ status }) => cluster.book.count(`transfer ${status}`))
  return true
}

export const transfer: Injector = (scene) => {
  const { random, ids } = scene
  const to = chance(random, 0.3) ? undefined : pick(random, ids)
  if (!ask(scene, to)) return undefined
  if (to === undefined || chance(random, 0.6)) return 'transfer'
  scene.later(between(random, 0, 5), () => scene.end(to))
  return 'transfer to a dying node'
}

/** Leadership is handed on and on. */
export const transferStorm: Injector = (scene) => {
  const { random, ids, electionTimeoutMs } = scene
  if (!ask(scene, pick(random, ids))) return undefined
  for (let i = between(random, 3, 12); i > 0; i--) {
    scene.inStorm(between(random, 1, 2 * electionTimeoutMs), () => void ask(scene, pick(random, ids)))
  }
  return 'flapping leadership'
}
