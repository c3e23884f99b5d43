// Swarm testing: every seed draws its own cluster, options, limits and weather (Groce et al., "Swarm Testing", 2012).
//
// Bugs hide behind settings as much as behind faults: a commit by counting an old term's entries shows only with
// batches of one or two, reading back only with a tail of a few hundred bytes. And they hide behind peace: where all
// faults are gentle only shallow bugs are found, so a storm crashes nodes every few election timeouts and at the
// points where writes are half done, and has them back within milliseconds.

import { below, uniform, type EngineLimits, type NodeId, type Random } from '@mako/engine'
import type { DiskOptions } from '../world/disk.ts'
import type { NetworkOptions } from '../world/network-options.ts'
import type { ProcessOptions } from '../world/process.ts'
import { between, chance, pick } from '../world/random.ts'
import { KIND_CALLBACKS, type CallbackFaults } from '../workload/world.ts'
import type { FaultFamily, FaultRates } from './plan.ts'

/** `storm` looks for bugs; `gentle` is a day with a few crashes. */
export type Profile = 'storm' | 'gentle'

/** What both protocols let a user tune. */
export interface ProtocolTuning {
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
  readonly tickMs: number
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly noopOnElection: boolean
  readonly preferredLeader?: NodeId
}

export interface Swarm {
  readonly nodes: number
  readonly partitions: readonly number[]
  readonly leadTogether: readonly (readonly number[])[]
  readonly tuning: ProtocolTuning
  readonly limits: Partial<EngineLimits>
  readonly network: NetworkOptions
  readonly disk: DiskOptions
  readonly callbacks: CallbackFaults
  readonly faults: FaultRates
  /** Crashed nodes are down for up to this long. */
  readonly downMs: number
  /** Some listeners of events throw. */
  readonly throwingListeners: boolean
  /** Clocks of one life of a node; exact ones once the weather is calm. */
  readonly process: (random: Random, isCalm: () => boolean) => ProcessOptions
}

/** How likely a seed has faults of a family, and how many election timeouts are between two of them on average. */
const FAMILIES: Readonly<Record<FaultFamily, readonly [probability: number, timeouts: readonly number[]]>> = {
  crash: [0.85, [0.5, 1.5, 5, 15]],
  crashLoop: [0.2, [15, 50]],
  crashAll: [0.3, [15, 50]],
  stop: [0.3, [5, 20]],
  pause: [0.4, [5, 20]],
  stall: [0.2, [5, 20]],
  wallJump: [0.2, [5]],
  drift: [0.2, [5, 20]],
  cut: [0.6, [3, 10, 30]],
  flap: [0.2, [10, 30]],
  clog: [0.3, [3, 10]],
  swizzle: [0.2, [10, 30]],
  burst: [0.3, [3, 10]],
  slowLink: [0.2, [5, 20]],
  reset: [0.3, [1, 5, 20]],
  stale: [0.4, [1, 5]],
  garbage: [0.2, [1, 5]],
  diskSlow: [0.2, [5, 20]],
  diskStuck: [0.3, [5, 20]],
  diskFull: [0.2, [10, 30]],
  diskError: [0.3, [5, 20]],
  diskLoss: [0.25, [10, 50]],
  foreignDisk: [0.15, [20]],
  transfer: [0.4, [1, 5]],
  transferStorm: [0.15, [10, 30]],
}

/** Faults that a gentle day does not have. */
const ROUGH: ReadonlySet<FaultFamily> = new Set(['garbage', 'diskLoss', 'foreignDisk', 'stale'])

/** `leadership` is drawn from by itself, so that what came later does not change what seeds have drawn before. */
export function drawSwarm(
  random: Random,
  leadership: Random,
  profile: Profile,
  wantedNodes: number | undefined,
): Swarm {
  const storm = profile === 'storm'
  const partitions = Array.from({ length: between(random, 1, 4) }, (_, i) => i)
  const heartbeatMs = pick(random, [10, 20, 50])
  const electionTimeoutMs = heartbeatMs * between(random, 3, 10)
  const nodes = wantedNodes ?? pick(random, [3, 3, 3, 3, 3, 5, 5, 5, 4, 2, 1])
  const someone = String.fromCharCode(97 + below(leadership, nodes))
  return {
    nodes,
    partitions,
    leadTogether: partitions.length > 1 && chance(random, 0.3) ? [partitions] : [],
    tuning: {
      heartbeatMs,
      electionTimeoutMs,
      tickMs: heartbeatMs / pick(random, [2, 5]),
      preVote: chance(random, 0.8),
      checkQuorum: chance(random, 0.8),
      noopOnElection: chance(random, 0.9),
      ...(chance(leadership, 0.2) ? { preferredLeader: someone } : {}),
    },
    limits: drawLimits(random),
    network: drawNetwork(random, storm, electionTimeoutMs),
    disk: {
      flushMs: pick(random, [
        [0.02, 0.2],
        [0.5, 5],
        [1, 20],
      ]),
      hiccup: pick(random, [0, 0.01, 0.1]),
      hiccupMs: electionTimeoutMs / 2,
    },
    callbacks: drawCallbacks(random, electionTimeoutMs),
    faults: drawRates(random, storm, electionTimeoutMs),
    downMs: pick(random, [60, 60, 1000]),
    throwingListeners: chance(random, 0.2),
    process: drawClocks(random),
  }
}

/** Rates in election timeouts: what is rare for a quick protocol is a flood for a slow one. */
function drawRates(random: Random, storm: boolean, electionTimeoutMs: number): FaultRates {
  const rates: Partial<Record<FaultFamily, number>> = {}
  for (const family of Object.keys(FAMILIES) as FaultFamily[]) {
    const [probability, timeouts] = FAMILIES[family]
    const isThere = chance(random, storm ? probability : ROUGH.has(family) ? 0 : probability / 3)
    const meanMs = pick(random, timeouts) * electionTimeoutMs * (storm ? 1 : 10)
    if (isThere) rates[family] = meanMs
  }
  return rates
}

function drawNetwork(random: Random, storm: boolean, electionTimeoutMs: number): NetworkOptions {
  const delayMs: readonly [number, number] = pick(random, [
    [0.05, 0.5],
    [0.1, 2],
    [0.5, electionTimeoutMs / 8],
    [0.5, electionTimeoutMs / 2],
  ])
  const outboxBytes = pick(random, [64 * 1024 * 1024, 64 * 1024])
  const calm: NetworkOptions = { delayMs, loss: 0, duplicate: 0, reorder: 0, outboxBytes }
  if (!storm) return calm
  const narrow = pick(random, [100, 1000])
  const bytesPerMs = chance(random, 0.3) ? narrow : undefined
  return {
    ...calm,
    loss: pick(random, [0, 0, 0.01, 0.05, 0.2]),
    duplicate: pick(random, [0, 0.01, 0.1]),
    reorder: pick(random, [0, 0.01, 0.2]),
    corrupt: pick(random, [0, 0, 0.001, 0.01]),
    tail: pick(random, [0, 0, 0.001, 0.02]),
    tailMs: 4 * electionTimeoutMs,
    remembered: pick(random, [0, 8]),
    ...(bytesPerMs === undefined ? {} : { bytesPerMs }),
  }
}

function drawCallbacks(random: Random, electionTimeoutMs: number): CallbackFaults {
  if (chance(random, 0.5)) return KIND_CALLBACKS
  return {
    async: pick(random, [0, 0.05, 0.5]),
    slowMs: pick(random, [2, 20]),
    busy: pick(random, [0, 0.01]),
    busyMs: electionTimeoutMs / 2,
    throws: pick(random, [0, 0.005, 0.02]),
    throwsInRow: pick(random, [1, 1, 4]),
    never: pick(random, [0, 0, 0.0005]),
    reenters: pick(random, [0, 0, 0.02]),
  }
}

/** Exact clocks, clocks that are a little wrong, or, rarely, clocks and timers that are good for nothing. */
function drawClocks(random: Random): Swarm['process'] {
  const kind = pick(random, ['exact', 'exact', 'drifting', 'drifting', 'drifting', 'wild'] as const)
  return (draw, isCalm) => {
    const clockStartMs = below(draw, 1_000_000)
    if (kind === 'exact' || isCalm()) return { clockStartMs }
    const by = kind === 'wild' ? 0.5 : 0.05
    const lateness = (): number => {
      if (kind === 'wild' && chance(draw, 0.0005)) return below(draw, 2000)
      return chance(draw, 0.05) ? below(draw, 20) : 0
    }
    return {
      clockRate: uniform(draw, 1 - by, 1 + by),
      clockStartMs,
      timerLateness: () => (isCalm() ? 0 : lateness()),
    }
  }
}

/** Small windows, tails and blocks, so that limits are reached and old entries are read back. */
function drawLimits(random: Random): Partial<EngineLimits> {
  if (chance(random, 0.2)) return {}
  const payloadBytes = pick(random, [1024, 4096, 65_536])
  return {
    outstandingEntries: pick(random, [4, 64, 4096]),
    outstandingBytes: pick(random, [4096, 65_536, 1_000_000]),
    payloadBytes,
    blockBytes: payloadBytes + pick(random, [256, 1024, 65_536]),
    applyLagEntries: pick(random, [16, 4096]),
    diskQueueBytes: pick(random, [4096, 16_384, 1_000_000]),
    diskStallMs: pick(random, [200, 1000, 10_000]),
    inboxMessages: pick(random, [64, 4096]),
    applyBudgetMs: pick(random, [1, 5]),
    applyReadBytes: pick(random, [1, 512, 65_536]),
    inflightEntries: pick(random, [1, 2, 16, 1024]),
    inflightBytes: pick(random, [256, 4096, 1_000_000]),
    messageBytes: pick(random, [128, 1024, 65_536]),
    tailBytes: pick(random, [1, 1024, 65_536]),
    stalledMs: pick(random, [50, 200, 1000]),
  }
}
