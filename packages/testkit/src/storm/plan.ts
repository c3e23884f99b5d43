// The plan of a storm: which fault strikes when, known before anything runs.
//
// Always true: the plan depends on the seed and on the rates only, and every action draws from a stream of its own. So an
// action can be left out, and all the others stay what they are and stand where they stood: that is what makes a
// failing seed shrinkable. Ordinals ascend with time, so a longer storm begins with the same actions.

import { below, type Random } from '@mako/engine'
import { stream } from '../world/random.ts'

/** Families of faults; each has a rate of its own in a seed, and most have several variants. */
export type FaultFamily =
  // Processes.
  | 'crash'
  | 'crashLoop'
  | 'crashAll'
  | 'stop'
  | 'pause'
  | 'stall'
  // Clocks.
  | 'wallJump'
  | 'drift'
  // The network.
  | 'cut'
  | 'flap'
  | 'clog'
  | 'swizzle'
  | 'burst'
  | 'slowLink'
  | 'reset'
  | 'stale'
  | 'garbage'
  // Disks.
  | 'diskSlow'
  | 'diskStuck'
  | 'diskFull'
  | 'diskError'
  | 'diskLoss'
  | 'foreignDisk'
  // The protocol, as its user can disturb it.
  | 'transfer'
  | 'transferStorm'

/** Mean milliseconds between two faults of a family; a family that is missing does not occur. */
export type FaultRates = Readonly<Partial<Record<FaultFamily, number>>>

/** One action of a plan. */
export interface PlannedFault {
  /** 0, 1, 2, ... in the order of their times. */
  readonly ordinal: number
  readonly family: FaultFamily
  readonly atMs: number
}

/** What an action has come to, for people and for whoever shrinks a seed. */
export interface InjectedFault extends PlannedFault {
  /** The variant that was drawn; undefined when there was nothing to do it to. */
  readonly kind: string | undefined
  /** The nodes that it was done to. */
  readonly targets: readonly string[]
}

/** A rate faster than this would be no storm but noise. */
const LEAST_MEAN_MS = 2

/** All actions of a storm of this length, by time. */
export function planFaults(seed: number, rates: FaultRates, durationMs: number): readonly PlannedFault[] {
  const plan: Omit<PlannedFault, 'ordinal'>[] = []
  for (const [family, meanMs] of Object.entries(rates) as [FaultFamily, number][]) {
    const random = stream(seed, `plan ${family}`)
    const gap = (): number => below(random, 2 * Math.max(LEAST_MEAN_MS, meanMs) * 1000) / 1000
    for (let atMs = gap(); atMs < durationMs; atMs += Math.max(0.001, gap())) plan.push({ family, atMs })
  }
  // Two families never share a stream, so that equal times are chance; the name decides then.
  plan.sort((a, b) => a.atMs - b.atMs || (a.family < b.family ? -1 : 1))
  return plan.map((action, ordinal) => ({ ordinal, ...action }))
}

/** The randomness of one action. */
export function actionStream(seed: number, ordinal: number): Random {
  return stream(seed, `action ${ordinal}`)
}
