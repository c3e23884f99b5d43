// Who does harm, when, and for how long: a plan that the seed draws before the run, and its execution.
//
// Always true: faults of one kind follow each other, those of different kinds overlap; every fault of the plan ends, and
// the last of them before the quiet time at the end of the run.

import { below, uniform, type Random } from '@mako/engine'
import { between, chance, pick, stream } from '../../world/random.ts'
import type { Cut } from './network.ts'

export type FaultKind = 'partition' | 'kill' | 'pause'
export type PartitionShape = 'one' | 'halves' | 'bridge' | 'ring'

export const FAULT_KINDS: readonly FaultKind[] = ['partition', 'kill', 'pause']

/** A fault, from `atMs` to `untilMs` after the beginning of the run. */
export type Fault = { readonly atMs: number; readonly untilMs: number } & (
  | { readonly kind: 'partition'; readonly shape: PartitionShape; readonly cuts: readonly Cut[] }
  | { readonly kind: 'kill' | 'pause'; readonly nodes: readonly string[] }
)

export interface NemesisOptions {
  readonly seed: number
  readonly nodes: readonly string[]
  readonly kinds: readonly FaultKind[]
  readonly runMs: number
}

/** How long it is quiet at the end of a run; of a short run half. */
const QUIET_MS = 5_000

/** Faults in the order in which they begin. A single node cannot be cut off. */
export function planNemesis({ seed, nodes, kinds, runMs }: NemesisOptions): readonly Fault[] {
  const endMs = runMs - Math.min(QUIET_MS, runMs / 2)
  // So that each kind strikes several times in a run of 10 seconds too.
  const longestMs = Math.min(5_000, endMs / 4)
  const plan: Fault[] = []
  for (const kind of kinds) {
    if (kind === 'partition' && nodes.length === 1) continue
    const random = stream(seed, `nemesis ${kind}`)
    const shortestMs = Math.min(kind === 'partition' ? 1_000 : 300, longestMs / 2)
    let atMs = uniform(random, 0.1, 0.5) * longestMs
    while (atMs + shortestMs <= endMs) {
      const untilMs = Math.min(endMs, atMs + uniform(random, shortestMs, longestMs))
      plan.push({ atMs, untilMs, ...faultOf(kind, nodes, random) })
      atMs = untilMs + uniform(random, 0.1, 0.6) * longestMs
    }
  }
  return plan.sort((a, b) => a.atMs - b.atMs)
}

type What =
  | { readonly kind: 'partition'; readonly shape: PartitionShape; readonly cuts: readonly Cut[] }
  | { readonly kind: 'kill' | 'pause'; readonly nodes: readonly string[] }

function faultOf(kind: FaultKind, nodes: readonly string[], random: Random): What {
  const mixed = shuffled(nodes, random)
  switch (kind) {
    case 'partition': {
      const shapes: readonly PartitionShape[] =
        nodes.length < 4 ? ['one', 'halves'] : ['one', 'halves', 'bridge', 'ring']
      const shape = pick(random, shapes)
      return { kind, shape, cuts: cutsOf(shape, mixed) }
    }
    case 'kill':
    case 'pause': {
      // Mostly one node, sometimes a minority, sometimes all: then the disks are all that remembers.
      const minority = Math.max(1, Math.floor((nodes.length - 1) / 2))
      const count = chance(random, 0.15) ? nodes.length : chance(random, 0.6) ? 1 : between(random, 1, minority)
      return { kind, nodes: mixed.slice(0, count) }
    }
  }
}

/** The links that a partition of this shape cuts, both ways. */
export function cutsOf(shape: PartitionShape, nodes: readonly string[]): readonly Cut[] {
  const count = nodes.length
  const cuts: Cut[] = []
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < count; b++) if (a !== b && !isLinked(shape, a, b, count)) cuts.push([nodes[a]!, nodes[b]!])
  }
  return cuts
}

function isLinked(shape: PartitionShape, a: number, b: number, count: number): boolean {
  const half = Math.floor(count / 2)
  switch (shape) {
    case 'one':
      return a !== 0 && b !== 0
    case 'halves':
      return a < half === b < half
    case 'bridge':
      // One node is on both sides.
      return a === half || b === half || a < half === b < half
    case 'ring': {
      // Each sees a majority, itself among it, and no two the same one.
      const distance = Math.min((a - b + count) % count, (b - a + count) % count)
      return distance <= Math.ceil(half / 2)
    }
  }
}

function shuffled<T>(list: readonly T[], random: Random): readonly T[] {
  const mixed = [...list]
  for (let i = mixed.length - 1; i > 0; i--) {
    const other = below(random, i + 1)
    ;[mixed[i], mixed[other]] = [mixed[other]!, mixed[i]!]
  }
  return mixed
}

/** What the nemesis can do. */
export interface Victims {
  partition(cuts: readonly Cut[]): void
  kill(node: string): void
  restart(node: string): void
  pause(node: string): void
  resume(node: string): void
}

/** Executes a plan from now on. */
export class Nemesis {
  readonly #victims: Victims
  readonly #timers: NodeJS.Timeout[] = []
  readonly counts: Record<string, number>
  /** What is being done now, for people. */
  readonly active: Set<Fault> = new Set<Fault>()

  constructor(plan: readonly Fault[], kinds: readonly FaultKind[], victims: Victims) {
    this.#victims = victims
    this.counts = Object.fromEntries(kinds.map((kind) => [kind, 0]))
    for (const fault of plan) {
      this.#timers.push(setTimeout(() => this.#begin(fault), fault.atMs))
      this.#timers.push(setTimeout(() => this.#end(fault), fault.untilMs))
    }
  }

  /** Ends what is being done, and does nothing more. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const fault of this.active) this.#end(fault)
  }

  #begin(fault: Fault): void {
    this.active.add(fault)
    this.counts[fault.kind] = (this.counts[fault.kind] ?? 0) + 1
    switch (fault.kind) {
      case 'partition':
        this.#victims.partition(fault.cuts)
        break
      case 'kill':
        for (const node of fault.nodes) this.#victims.kill(node)
        break
      case 'pause':
        for (const node of fault.nodes) this.#victims.pause(node)
        break
    }
  }

  #end(fault: Fault): void {
    if (!this.active.delete(fault)) return
    switch (fault.kind) {
      case 'partition':
        this.#victims.partition([])
        break
      case 'kill':
        for (const node of fault.nodes) this.#victims.restart(node)
        break
      case 'pause':
        for (const node of fault.nodes) this.#victims.resume(node)
        break
    }
  }
}
