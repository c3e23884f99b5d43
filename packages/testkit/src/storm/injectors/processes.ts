// Faults of processes and clocks: they end, at any point, stand still, and are wrong about time.

import { below } from '@mako/engine'
import type { CrashPoint } from '../../world/disk.ts'
import { between, chance, pick } from '../../world/random.ts'
import type { Injector, Scene } from '../scene.ts'

const POINTS: Readonly<Record<CrashPoint, string>> = {
  before: 'crash before a write',
  middle: 'crash in a write',
  after: 'crash after a write',
  recover: 'crash while starting',
}

/** Ends a process at once, or where a write or a message leaves it half done. */
export const crash: Injector = (scene) => {
  const node = scene.victim()
  if (node === undefined) return undefined
  const { id, process, disk } = node
  const { random } = scene
  const end = (): void => {
    if (scene.cluster.node(id).process === process) scene.end(id)
  }
  const atPoint = (point: CrashPoint): string => {
    disk.arm(point, end)
    return POINTS[point]
  }
  switch (below(random, 7)) {
    case 0:
      end()
      return 'crash'
    case 1:
      scene.end(id, true)
      return 'half-open connection'
    case 2:
      return atPoint('before')
    case 3:
      return atPoint('middle')
    case 4:
      return atPoint('after')
    case 5:
      scene.end(id)
      disk.arm('recover', () => scene.end(id))
      return POINTS.recover
    default:
      scene.cluster.crashAtSend(id, between(random, 1, 20), end)
      return 'crash while sending'
  }
}

/** Several lives in a row that end before they have done much. */
export const crashLoop: Injector = (scene) => {
  const node = scene.victim()
  if (node === undefined) return undefined
  const { id } = node
  const again = (left: number): void => {
    if (scene.cluster.node(id).process !== undefined) scene.cluster.crash(id)
    if (left === 0) scene.restart(id)
    else {
      scene.later(between(scene.random, 1, 20), () => {
        scene.start(id)
        scene.inStorm(below(scene.random, 20_000) / 1000, () => again(left - 1))
      })
    }
  }
  again(between(scene.random, 2, 5))
  return 'crash loop'
}

export const crashAll: Injector = (scene) => {
  for (const { id } of scene.cluster.up) {
    scene.targets.add(id)
    scene.end(id)
  }
  return 'crash of all'
}

/** An operator stops a node, in the middle of everything. */
export const stop: Injector = (scene) => {
  const node = scene.victim()
  if (node === undefined) return undefined
  const { id } = node
  void scene.cluster.stop(id).then(() => scene.restart(id))
  return 'stop'
}

/** A process stands still for a while and does not know it: a short one, a long one, a leader for just too long. */
export const pause: Injector = (scene) => {
  const { random, electionTimeoutMs, cluster } = scene
  const leader = chance(random, 0.4) ? cluster.leader(pick(random, cluster.partitions)) : undefined
  const node = leader ?? scene.victim()
  if (node === undefined) return undefined
  scene.targets.add(node.id)
  const { process } = node
  const durationMs =
    leader === undefined
      ? between(random, 10, chance(random, 0.1) ? 20 * electionTimeoutMs : 3 * electionTimeoutMs)
      : electionTimeoutMs + between(random, 1, Math.ceil(electionTimeoutMs / 4))
  process?.pause()
  scene.later(durationMs, () => process?.resume())
  return leader === undefined ? 'pause' : 'pause of a leader'
}

/** The event loop is busy with something else; its clock goes on. */
export const stall: Injector = (scene) => {
  const node = scene.victim()
  if (node === undefined) return undefined
  node.process?.stall(between(scene.random, 5, Math.max(10, 2 * scene.electionTimeoutMs)))
  return 'event loop stall'
}

export const wallJump: Injector = (scene) => {
  const process = scene.victim()?.process
  if (process === undefined) return undefined
  if (chance(scene.random, 0.3)) {
    process.setWallClock(0)
    return 'wall clock at 1970'
  }
  process.jumpWallClock(between(scene.random, -3_600_000, 3_600_000))
  return 'wall clock jump'
}

/** A clock that runs up to 5 % wrong, or much worse, for a while. */
export const drift: Injector = (scene) => {
  const process = scene.victim()?.process
  if (process === undefined) return undefined
  const isWild = chance(scene.random, 0.3)
  const by = isWild ? 0.5 : 0.05
  process.drift(1 + by * (below(scene.random, 2001) / 1000 - 1))
  restore(scene, () => process.drift(1))
  return isWild ? 'wild clock drift' : 'clock drift'
}

function restore(scene: Scene, fn: () => void): void {
  scene.later(between(scene.random, 10, 20 * scene.electionTimeoutMs), fn)
}
