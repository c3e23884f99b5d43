// Cycles of dependencies: in which parts of the graph there are any, and a short one of each kind.
//
// Always true: a graph without cycles costs one pass over its edges. A kind is looked for only where a cycle of that
// kind can be; the work is bounded by a number of visited edges, and whoever asks is told when that was not enough.

import type { AnomalyKind } from './anomaly.ts'
import type { Dependency, DependencyGraph } from './dependencies.ts'

export interface Cycle {
  readonly kind: AnomalyKind
  /** Edges between transactions; the way through real time is one edge. */
  readonly edges: readonly Dependency[]
}

export interface CycleSearch {
  /** At most one of each kind for each part of the graph that has cycles. */
  readonly cycles: readonly Cycle[]
  /** False when the work ended at its bound: there may be cycles of other kinds. */
  readonly complete: boolean
}

/** Edges that may be visited in the search for short cycles, after it is clear that there are some. */
const VISITS = 30_000_000

/** Of how many cycles the shortest is taken. */
const CANDIDATES = 20

/** Parts of the graph of which cycles are shown. */
const PARTS = 8

type Kind = 'G0' | 'G1c' | 'G-single' | 'G-nonadjacent' | 'G2'

/** How the edges of a cycle may follow each other: which may be taken, and whether two reads may in a row. */
interface Walk {
  readonly kind: Kind
  /** Edges with which a cycle of this kind begins. */
  readonly begins: (dependency: Dependency) => boolean
  /** How many more edges of type rw there may be, and how. */
  readonly more: 'none' | 'apart' | 'any'
  readonly uses: (dependency: Dependency) => boolean
}

const isAppend = ({ type }: Dependency): boolean => type === 'ww' || type === 'realtime'
const isRead = ({ type }: Dependency): boolean => type === 'wr'
const isMissed = ({ type }: Dependency): boolean => type === 'rw'
const isAny = (): boolean => true

const WALKS: readonly Walk[] = [
  { kind: 'G0', begins: ({ type }) => type === 'ww', more: 'none', uses: isAppend },
  { kind: 'G1c', begins: isRead, more: 'none', uses: (edge) => !isMissed(edge) },
  { kind: 'G-single', begins: isMissed, more: 'none', uses: isAny },
  { kind: 'G-nonadjacent', begins: isMissed, more: 'apart', uses: isAny },
  { kind: 'G2', begins: isMissed, more: 'any', uses: isAny },
]

/** Finds cycles of every kind. */
export function findCycles(graph: DependencyGraph): CycleSearch {
  const budget = { visits: VISITS }
  const cycles: Cycle[] = []
  for (const part of partsOf(graph).slice(0, PARTS)) {
    let missed = false
    for (const walk of WALKS) {
      // A cycle with more misses is worth telling only where there is none with fewer.
      if (missed) continue
      const edges = shortest(graph, part, walk, budget)
      if (edges === undefined) continue
      missed = isMissed(edges[0]!)
      const realtime = edges.some(({ type }) => type === 'realtime')
      cycles.push({ kind: realtime ? `${walk.kind}-realtime` : walk.kind, edges: throughTime(graph, edges) })
    }
  }
  return { cycles, complete: budget.visits > 0 }
}

/** Strongly connected components with more than one node (Tarjan, 1972, without recursion). */
function partsOf({ size, edges }: DependencyGraph): ReadonlySet<number>[] {
  const index = new Int32Array(size).fill(-1)
  const low = new Int32Array(size)
  const onStack = new Uint8Array(size)
  const position = new Int32Array(size)
  const stack: number[] = []
  const parts: Set<number>[] = []
  let count = 0
  const enter = (node: number, path: number[]): void => {
    index[node] = low[node] = count++
    onStack[node] = 1
    stack.push(node)
    path.push(node)
  }
  for (let root = 0; root < size; root++) {
    if (index[root] !== -1) continue
    const path: number[] = []
    enter(root, path)
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const edge = edges[node]![position[node]!++]
      if (edge !== undefined) {
        const { to } = edge
        if (index[to] === -1) enter(to, path)
        else if (onStack[to] === 1) low[node] = Math.min(low[node]!, index[to]!)
        continue
      }
      path.pop()
      const parent = path.at(-1)
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!)
      if (low[node] !== index[node]) continue
      const part = new Set<number>()
      for (let member = -1; member !== node; ) {
        member = stack.pop()!
        onStack[member] = 0
        part.add(member)
      }
      if (part.size > 1) parts.push(part)
    }
  }
  return parts
}

/** A short cycle of one kind within a part of the graph: an edge that begins one, and the shortest way back. */
function shortest(
  { edges }: DependencyGraph,
  part: ReadonlySet<number>,
  walk: Walk,
  budget: { visits: number },
): readonly Dependency[] | undefined {
  let best: readonly Dependency[] | undefined
  let found = 0
  for (const node of part) {
    for (const first of edges[node]!) {
      if (!part.has(first.to) || !walk.begins(first)) continue
      const back = wayBack(edges, part, first, walk, budget)
      if (back === undefined) continue
      if (best === undefined || back.length + 1 < best.length) best = [first, ...back]
      if (++found >= CANDIDATES) return best
    }
  }
  return best
}

/** The shortest way from the end of an edge to its beginning, breadth first. */
function wayBack(
  edges: readonly (readonly Dependency[])[],
  part: ReadonlySet<number>,
  first: Dependency,
  { more, uses }: Walk,
  budget: { visits: number },
): readonly Dependency[] | undefined {
  // A place is a node and, where misses must stand apart, whether the last edge was one.
  const placeOf = (node: number, missed: boolean): number => 2 * node + (more === 'apart' && missed ? 1 : 0)
  const cameBy = new Map<number, { readonly edge: Dependency; readonly from: number } | undefined>()
  const start = placeOf(first.to, isMissed(first))
  cameBy.set(start, undefined)
  const queue = [start]
  for (let i = 0; i < queue.length; i++) {
    const place = queue[i]!
    for (const edge of edges[place >> 1]!) {
      if (--budget.visits <= 0) return undefined
      if (!part.has(edge.to) || !uses(edge)) continue
      const missed = isMissed(edge)
      if (missed && (more === 'none' || (more === 'apart' && (place & 1) === 1))) continue
      const next = placeOf(edge.to, missed)
      if (cameBy.has(next)) continue
      cameBy.set(next, { edge, from: place })
      // The first edge follows: where misses must stand apart, the last one must not be one.
      if (edge.to === first.from && (next & 1) === 0) return backwards(cameBy, next)
      queue.push(next)
    }
  }
  return undefined
}

function backwards(
  cameBy: ReadonlyMap<number, { readonly edge: Dependency; readonly from: number } | undefined>,
  end: number,
): readonly Dependency[] {
  const way: Dependency[] = []
  for (let step = cameBy.get(end); step !== undefined; step = cameBy.get(step.from)) way.push(step.edge)
  return way.reverse()
}

/** Makes one edge of each way through the chain of returns. */
function throughTime({ transactions }: DependencyGraph, edges: readonly Dependency[]): readonly Dependency[] {
  const result: Dependency[] = []
  for (const edge of edges) {
    const last = result.at(-1)
    if (last !== undefined && last.to >= transactions.length) result[result.length - 1] = { ...last, to: edge.to }
    else result.push(edge)
  }
  return result
}
