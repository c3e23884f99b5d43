// Faults of the network: who cannot reach whom, for how long, and what comes late, twice, damaged, or not at all.

import { below, type NodeId } from '@mako/engine'
import { between, chance, pick } from '../../world/random.ts'
import type { Injector, Scene } from '../scene.ts'

type Links = readonly (readonly [from: NodeId, to: NodeId])[]

function both(pairs: Links): Links {
  return pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const])
}

/** Every link between two of these nodes, one way each. */
function allLinks(ids: readonly NodeId[]): Links {
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => [from, to] as const))
}

function isolation(id: NodeId, ids: readonly NodeId[]): Links {
  return both(ids.filter((other) => other !== id).map((other) => [id, other] as const))
}

/** Shapes of cuts. Each is good for a reason of its own: see Jepsen's nemeses, and verification of partial partitions. */
type Shape = (scene: Scene, one: NodeId) => { readonly kind: string; readonly links: Links } | undefined

const SHAPES: readonly Shape[] = [
  (scene, one) => ({ kind: 'isolated node', links: isolation(one, scene.ids) }),
  (scene) => {
    const leader = scene.cluster.leader(pick(scene.random, scene.cluster.partitions))
    if (leader === undefined) return undefined
    scene.targets.add(leader.id)
    return { kind: 'isolated leader', links: isolation(leader.id, scene.ids) }
  },
  // One node is left out; the rest cannot hear each other either.
  (scene, one) => ({
    kind: 'all but one isolated',
    links: allLinks(scene.ids.filter((id) => id !== one)),
  }),
  (scene, one) => ({
    kind: 'deaf node',
    links: scene.ids.filter((id) => id !== one).map((other) => [other, one] as const),
  }),
  (scene, one) => ({
    kind: 'mute node',
    links: scene.ids.filter((id) => id !== one).map((other) => [one, other] as const),
  }),
  (scene, one) => {
    const other = scene.other(one)
    return other === undefined ? undefined : { kind: 'one way', links: [[one, other]] }
  },
  // A, B, C with A and C cut: B hears both.
  (scene, one) => {
    const other = scene.other(one)
    return other === undefined ? undefined : { kind: 'bridge', links: both([[one, other]]) }
  },
  (scene) => {
    const left = scene.ids.filter(() => chance(scene.random, 0.5))
    const right = scene.ids.filter((id) => !left.includes(id))
    return { kind: 'split', links: both(left.flatMap((a) => right.map((b) => [a, b] as const))) }
  },
  // Each node reaches its two neighbours only.
  (scene) => {
    const order = scene.shuffled()
    if (order.length < 4) return undefined
    const isFar = (from: NodeId, to: NodeId): boolean => {
      const distance = Math.abs(order.indexOf(from) - order.indexOf(to))
      return distance > 1 && distance < order.length - 1
    }
    return { kind: 'ring', links: allLinks(order).filter(([from, to]) => isFar(from, to)) }
  },
  // Each node hears a majority, and no two hear the same one.
  (scene) => {
    const order = scene.shuffled()
    if (order.length < 3) return undefined
    const heard = Math.floor(order.length / 2)
    const isHeard = (from: NodeId, to: NodeId): boolean => {
      const ahead = (order.indexOf(from) - order.indexOf(to) + order.length) % order.length
      return ahead >= 1 && ahead <= heard
    }
    return { kind: 'different majorities', links: allLinks(order).filter(([from, to]) => !isHeard(from, to)) }
  },
]

export const cut: Injector = (scene) => {
  const { random, ids, cluster, electionTimeoutMs } = scene
  if (ids.length < 2) return undefined
  const one = scene.victim()?.id ?? pick(random, ids)
  const shape = pick(random, SHAPES)(scene, one)
  if (shape === undefined) return undefined
  scene.later(between(random, 10, 4 * electionTimeoutMs), cluster.cut(shape.links))
  return shape.kind
}

/** Cut and healed again and again, for just long enough to start something. */
export const flap: Injector = (scene) => {
  const { random, ids, cluster, electionTimeoutMs } = scene
  if (ids.length < 2) return undefined
  const one = scene.victim()?.id ?? pick(random, ids)
  const other = scene.other(one)!
  const links = chance(random, 0.5) ? isolation(one, ids) : both([[one, other]])
  const phase = (): number => between(random, Math.ceil(electionTimeoutMs / 10), electionTimeoutMs)
  const again = (left: number): void => {
    const join = cluster.cut(links)
    scene.later(phase(), () => {
      join()
      if (left > 1) scene.inStorm(phase(), () => again(left - 1))
    })
  }
  again(between(random, 3, 8))
  return 'flapping link'
}

export const clog: Injector = (scene) => {
  const { random, ids, cluster, electionTimeoutMs } = scene
  if (ids.length < 2) return undefined
  const from = pick(random, ids)
  const to = scene.other(from)!
  scene.targets.add(from)
  cluster.network.clog(from, to, between(random, 10, 2 * electionTimeoutMs))
  return 'clog'
}

/** All links of a node are stopped one by one, and let go one by one in another order (FoundationDB's swizzled clog). */
export const swizzle: Injector = (scene) => {
  const { random, ids, cluster, electionTimeoutMs } = scene
  if (ids.length < 2) return undefined
  const chosen = scene.shuffled().slice(0, between(random, 1, ids.length))
  const links = allLinks(ids).filter(([from, to]) => chosen.includes(from) || chosen.includes(to))
  const within = 2 * electionTimeoutMs
  for (const [from, to] of links) {
    const stopMs = below(random, within)
    const goMs = within + below(random, within)
    scene.inStorm(stopMs, () => cluster.network.clog(from, to, 2 * within))
    scene.later(goMs, () => cluster.network.unclog(from, to))
  }
  for (const id of chosen) scene.targets.add(id)
  return 'swizzled clogs'
}

export const burst: Injector = (scene) => {
  const { random, ids, cluster, electionTimeoutMs } = scene
  if (ids.length < 2) return undefined
  const durationMs = between(random, 5, Math.max(10, electionTimeoutMs))
  const from = pick(random, ids)
  const links = chance(random, 0.3) ? allLinks(ids) : isolation(from, ids)
  for (const [a, b] of links) cluster.network.burst(a, b, 0.9, durationMs)
  scene.targets.add(from)
  return 'burst loss'
}

export const slowLink: Injector = (scene) => {
  const { random, ids, cluster, electionTimeoutMs } = scene
  if (ids.length < 2) return undefined
  const from = pick(random, ids)
  const to = scene.other(from)!
  scene.targets.add(from)
  cluster.network.slow(from, to, between(random, 1, electionTimeoutMs))
  scene.later(between(random, 10, 10 * electionTimeoutMs), () => cluster.network.slow(from, to, 0))
  return 'slow link'
}

export const reset: Injector = (scene) => {
  const one = scene.victim()?.id
  const other = one === undefined ? undefined : scene.other(one)
  if (one === undefined || other === undefined) return undefined
  scene.cluster.network.reset(one, other)
  return 'connection reset'
}

/** What was sent long ago, perhaps in an earlier life of its sender, arrives now. */
export const stale: Injector = (scene) => {
  const to = scene.victim()?.id
  if (to === undefined) return undefined
  let replayed = 0
  for (const from of scene.ids) {
    if (from !== to) replayed += scene.cluster.network.replay(from, to, between(scene.random, 1, 4))
  }
  return replayed === 0 ? undefined : 'stale messages'
}

/** Bytes that are no message reach the decoder, as if a checksum had let them through. */
export const garbage: Injector = (scene) => {
  const to = scene.victim()?.id
  const from = to === undefined ? undefined : scene.other(to)
  const bytes = scene.garbage()
  if (to === undefined || from === undefined || bytes === undefined) return undefined
  const { partitions, network } = scene.cluster
  return network.inject(from, to, pick(scene.random, partitions), bytes) ? 'garbage' : undefined
}
