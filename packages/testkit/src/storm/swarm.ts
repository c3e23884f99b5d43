// Swarm testing: every seed draws its own cluster, options, limits and weather (Groce et al., "Swarm Testing", 2012).
//
// Bugs hide behind settings as much as behind faults: a commit by counting an old term's entries shows only with
// batches of one or two, reading back only with a tail of a few hundred bytes.

import { below, uniform, type EngineLimits, type Random } from '@mako/engine'
import { between, chance, pick } from '../world/random.ts'
import type { DiskOptions } from '../world/disk.ts'
import type { NetworkOptions } from '../world/network.ts'
import type { ProcessOptions } from '../world/process.ts'
import { KIND_CALLBACKS, type CallbackFaults } from '../workload/world.ts'

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
}

/** Mean milliseconds between two faults of a kind; undefined where the seed has none of them. */
export interface FaultRates {
  readonly crash: number | undefined
  readonly crashAll: number | undefined
  readonly stop: number | undefined
  readonly cut: number | undefined
  readonly clog: number | undefined
  readonly pause: number | undefined
  readonly diskStuck: number | undefined
  readonly diskError: number | undefined
  readonly transfer: number | undefined
  readonly wallJump: number | undefined
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
  readonly process: (random: Random) => ProcessOptions
}

export function drawSwarm(random: Random, profile: Profile, nodes: number | undefined): Swarm {
  const storm = profile === 'storm'
  const partitions = Array.from({ length: between(random, 1, 4) }, (_, i) => i)
  const heartbeatMs = pick(random, [10, 20, 50])
  const electionTimeoutMs = heartbeatMs * between(random, 3, 10)
  const exactClocks = chance(random, 0.4)
  const maybe = <T>(probability: number, value: T): T | undefined => (chance(random, probability) ? value : undefined)
  // Rates in election timeouts: what is rare for a quick protocol is a flood for a slow one.
  const every = (probability: number, timeouts: readonly number[]): number | undefined =>
    maybe(storm ? probability : probability / 3, pick(random, timeouts) * electionTimeoutMs * (storm ? 1 : 10))
  return {
    nodes: nodes ?? pick(random, [3, 3, 5]),
    partitions,
    leadTogether: partitions.length > 1 && chance(random, 0.3) ? [partitions] : [],
    tuning: {
      heartbeatMs,
      electionTimeoutMs,
      tickMs: pick(random, [2, 5, 10]),
      preVote: chance(random, 0.8),
      checkQuorum: chance(random, 0.8),
      noopOnElection: chance(random, 0.9),
    },
    limits: drawLimits(random),
    network: {
      delayMs: pick(random, [
        [0.05, 0.5],
        [0.1, 2],
        [0.5, electionTimeoutMs / 8],
        [0.5, electionTimeoutMs / 2],
      ]),
      loss: storm ? pick(random, [0, 0, 0.01, 0.05, 0.2]) : 0,
      duplicate: storm ? pick(random, [0, 0.01, 0.1]) : 0,
      reorder: storm ? pick(random, [0, 0.01, 0.2]) : 0,
      outboxBytes: pick(random, [64 * 1024 * 1024, 64 * 1024]),
    },
    disk: {
      flushMs: pick(random, [
        [0.02, 0.2],
        [0.5, 5],
        [1, 20],
      ]),
      hiccup: pick(random, [0, 0.01, 0.1]),
      hiccupMs: electionTimeoutMs / 2,
    },
    callbacks: chance(random, 0.5)
      ? KIND_CALLBACKS
      : {
          async: pick(random, [0, 0.05, 0.5]),
          slowMs: pick(random, [2, 20]),
          busy: pick(random, [0, 0.01]),
          busyMs: electionTimeoutMs / 2,
          throws: pick(random, [0, 0.005, 0.02]),
        },
    faults: {
      crash: every(0.85, [0.5, 1.5, 5, 15]),
      crashAll: every(0.3, [15, 50]),
      stop: every(0.3, [5, 20]),
      cut: every(0.6, [3, 10, 30]),
      clog: every(0.3, [3, 10]),
      pause: every(0.4, [5, 20]),
      diskStuck: every(0.3, [5, 20]),
      diskError: every(0.3, [5, 20]),
      transfer: every(0.4, [1, 5]),
      wallJump: every(0.2, [5]),
    },
    downMs: pick(random, [60, 60, 1000]),
    process: (draw) => ({
      clockRate: exactClocks ? 1 : uniform(draw, 0.95, 1.05),
      clockStartMs: below(draw, 1_000_000),
      ...(exactClocks ? {} : { timerLateness: () => (chance(draw, 0.05) ? below(draw, 20) : 0) }),
    }),
  }
}

/** Small windows and tails, so that limits are reached and old entries are read back. */
function drawLimits(random: Random): Partial<EngineLimits> {
  if (chance(random, 0.2)) return {}
  return {
    outstandingEntries: pick(random, [4, 64, 4096]),
    outstandingBytes: pick(random, [4096, 65_536, 1_000_000]),
    applyLagEntries: pick(random, [16, 4096]),
    diskQueueBytes: pick(random, [16_384, 1_000_000]),
    diskStallMs: pick(random, [200, 1000, 10_000]),
    inboxMessages: pick(random, [64, 4096]),
    applyBudgetMs: pick(random, [1, 5]),
    applyReadBytes: pick(random, [1, 512, 65_536]),
    inflightEntries: pick(random, [1, 2, 16, 1024]),
    inflightBytes: pick(random, [256, 4096, 1_000_000]),
    messageBytes: pick(random, [128, 1024, 65_536]),
    tailBytes: pick(random, [1, 1024, 65_536]),
  }
}
