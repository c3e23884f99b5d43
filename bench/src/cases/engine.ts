// Three engines in one process: the whole path of an entry but for disk and sockets, with its outcome awaited.

import type { ReplicationEngine } from '@mako/engine'
import type { BenchCase } from '../case.ts'
import { closedLoop, type LoopResult, quantiles } from '../closed-loop.ts'
import { memoryEngines, withLeader } from '../cluster.ts'
import { rate } from '../measure.ts'

const payload = new Uint8Array(100).fill(7)

/** Clients that each add an entry of 100 B as soon as their last one is applied. */
export function addLogLoop(leader: ReplicationEngine, outstanding: number, seconds: number): Promise<LoopResult> {
  return closedLoop({
    outstanding,
    seconds,
    expected: 'APPLIED',
    start: () => {
      const result = leader.addLog(payload)
      if (result.status === 'BUSY') return undefined
      return result.status === 'SUCCESS' ? result.outcome : Promise.resolve(result)
    },
  })
}

function engineCase(outstanding: number): BenchCase {
  return {
    name: `engine/${outstanding}`,
    description: `three engines in one process, memory log and network, 100 B, ${outstanding} outstanding`,
    unit: 'entries/s',
    setupSeconds: 0.6,
    run: (seconds) => {
      const engines = memoryEngines()
      const apply = (): undefined => undefined
      for (const engine of engines) engine.onApply({ leader: apply, follower: apply })
      return withLeader(engines, async (leader) => {
        const result = await addLogLoop(leader, outstanding, seconds)
        return rate(result, quantiles(result))
      })
    },
  }
}

export const engineCases: readonly BenchCase[] = [1, 64, 1024].map(engineCase)
