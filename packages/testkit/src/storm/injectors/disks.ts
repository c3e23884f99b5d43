// Faults of disks: slow, stuck, full, failing, damaged, empty, or another node's.
//
// Always true: a disk that has lost something which was durable is never used by a voter again in this storm. Its node
// stays down, and an operator replaces the disk afterwards, as docs/operations.md says (`repair.ts`).

import { between, chance } from '../../world/random.ts'
import type { Injector } from '../scene.ts'

export const diskSlow: Injector = (scene) => {
  const disk = scene.victim()?.disk
  if (disk === undefined) return undefined
  disk.slow(between(scene.random, 5, 2 * scene.electionTimeoutMs))
  scene.later(between(scene.random, 10, 5 * scene.electionTimeoutMs), () => disk.slow(0))
  return 'slow disk'
}

export const diskStuck: Injector = (scene) => {
  const disk = scene.victim()?.disk
  if (disk === undefined) return undefined
  disk.stick()
  scene.later(between(scene.random, 10, 3 * scene.electionTimeoutMs), () => disk.unstick())
  return 'stuck disk'
}

/** No space until somebody frees some; the node ends, and cannot start before. */
export const diskFull: Injector = (scene) => {
  const disk = scene.victim()?.disk
  if (disk === undefined) return undefined
  disk.fill()
  scene.later(between(scene.random, 10, 5 * scene.electionTimeoutMs), () => disk.free())
  return 'full disk'
}

export const diskError: Injector = (scene) => {
  const disk = scene.victim()?.disk
  if (disk === undefined) return undefined
  const what = chance(scene.random, 0.5) ? 'write' : 'flush'
  disk.failNext(what)
  return what === 'write' ? 'failing write' : 'failing flush'
}

/** What was durable is damaged, or gone altogether. */
export const diskLoss: Injector = (scene) => {
  if (!scene.mayLoseOne) return undefined
  const node = scene.victim()
  if (node === undefined) return undefined
  const { id, disk } = node
  if (chance(scene.random, 0.4)) {
    scene.cluster.crash(id)
    scene.lose(id)
    return 'wiped disk'
  }
  if (!disk.rot(scene.random)) return undefined
  scene.lose(id)
  // The node goes on until it stumbles over the damage, or is started again: then it must refuse to run.
  scene.inStorm(between(scene.random, 1, 10 * scene.electionTimeoutMs), () => {
    scene.cluster.crash(id)
    scene.inStorm(between(scene.random, 1, scene.swarm.downMs), () => scene.cluster.start(id))
  })
  return 'bit rot'
}

/** Somebody starts a node with the data folder of another one. */
export const foreignDisk: Injector = (scene) => {
  const node = scene.victim()
  const other = node === undefined ? undefined : scene.other(node.id)
  if (node === undefined || other === undefined) return undefined
  // A folder that nobody has used yet would become this node's.
  if (scene.cluster.node(other).disk.counters.flushes === 0) return undefined
  scene.cluster.crash(node.id)
  scene.later(between(scene.random, 1, 20), () => {
    if (scene.cluster.node(node.id).engine === undefined) scene.cluster.start(node.id, other)
  })
  return 'disk of another node'
}
