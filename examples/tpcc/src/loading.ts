// Loads the tables on whichever node leads.
//
// Always true: a step is repeated until it is accepted, and all steps are repeated when leadership was lost on the way
// (a step run twice writes the same rows), so what is loaded at the end does not depend on what happened meanwhile.

import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises'
import type { Database } from '@mako/store/kv'
import { type LoadStep, loadSteps, streamOf } from './workload/index.ts'

export interface LoadingOptions {
  readonly scale: number
  readonly warehouses: number
  readonly seed: number
  readonly streams: number
}

/** Resolves when the tables are loaded, by this node or by another one; `progress` is told of each step here. */
export async function loadWhenLeading(
  database: Database,
  options: LoadingOptions,
  progress: (label: string, fraction: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const { shard } = database.status()
    if (!shard.loading) return
    if (shard.role === 'faulted' || shard.role === 'stopped') throw new Error(`The database is ${shard.role}.`)
    if (shard.role === 'leading' && (await loadAll(database, options, progress, signal))) {
      const finished = await database.finishLoading()
      if (finished.status === 'SUCCESS') return
    }
    await after(20, undefined, { signal })
  }
}

/** False when this node no longer leads. */
async function loadAll(
  database: Database,
  options: LoadingOptions,
  progress: (label: string, fraction: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  for (const step of loadSteps(options)) {
    if (!(await loadStep(database, step, options.streams, signal))) return false
    progress(step.label, step.fraction)
    await nextTurn()
  }
  return true
}

async function loadStep(database: Database, step: LoadStep, streams: number, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    signal.throwIfAborted()
    const result = database.load((t) => step.run(t), { stream: streamOf(step, streams) })
    switch (result.status) {
      case 'SUCCESS':
        return true
      case 'BUSY':
        await after(result.retryAfterMs, undefined, { signal })
        break
      case 'NOT_LEADER':
        return false
      case 'ABORTED':
      case 'REJECTED':
        throw new Error(`Loading ${step.label} was ${result.status}: ${result.reason}.`)
    }
  }
}
