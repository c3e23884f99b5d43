// One node of three processes, and on request the clients beside the leader.

import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises'
import type { ReplicationEngine } from '@mako/engine'
import { PromiseClients } from '../promise-clients.ts'
import { ownCpuUs } from '../stopwatch.ts'
import { serve } from './child.ts'
import { type ClientLoad, Clients, type LoopResult } from './clients.ts'
import { leading, type NodeOptions, openEngine } from './open-engine.ts'
import { overload, type OverloadResult } from './overload.ts'
import { sharedNowMs } from './shared-clock.ts'

export type EngineNodeOptions = NodeOptions

export interface NodeProgress {
  /** Of the clock that all processes of this machine share. */
  readonly atMs: number
  /** Sums over all partitions. */
  readonly commit: number
  readonly applied: number
  readonly rssBytes: number
}

/** What a program must be able to do to be one of three. */
export interface NodeCalls {
  /** Resolves when this node leads. */
  readonly leading: () => Promise<void>
  readonly cpuUs: () => number
  readonly stop: () => Promise<void>
}

export interface EngineNodeCalls extends NodeCalls {
  readonly begin: (load: ClientLoad) => Promise<void>
  readonly measure: (seconds: number) => Promise<LoopResult>
  readonly overload: (load: { readonly bytes: number; readonly seconds: number }) => Promise<OverloadResult>
  readonly progress: () => NodeProgress
  /** Waits until this node leads, adds an entry, and says when it was applied; null when it was asked again. */
  readonly nextCommit: () => Promise<{ readonly atMs: number } | null>
}

export async function engineNode(options: EngineNodeOptions): Promise<void> {
  const engine = await openEngine(options)
  const clients = new Clients(engine)
  const next = new NextCommit(engine)
  let load: 'clients' | 'other' = 'other'
  let waiting: PromiseClients | undefined
  engine.onApply({
    leader: (entry) => (load === 'clients' ? clients.applied(entry) : undefined),
    follower: () => undefined,
  })
  await engine.start()
  serve<EngineNodeCalls>({
    leading: () => leading(engine),
    cpuUs: ownCpuUs,
    begin: async (clientLoad) => {
      if (clientLoad.waiting === true) {
        waiting = waitingClients(engine, clientLoad)
        waiting.begin()
        await after(clientLoad.warmUpSeconds * 1000)
        return
      }
      load = 'clients'
      await clients.begin(clientLoad)
    },
    measure: async (seconds) => {
      const result = await (waiting ?? clients).measure(seconds)
      load = 'other'
      waiting = undefined
      return result
    },
    overload: ({ bytes, seconds }) => overload(engine, bytes, seconds),
    progress: () => progress(engine),
    nextCommit: () => next.find(),
    stop: () => engine.stop(),
  })
}

/** Each adds an entry and waits for its outcome, as most applications do. */
function waitingClients(engine: ReplicationEngine, { inFlight, bytes }: ClientLoad): PromiseClients {
  const payload = new Uint8Array(bytes).fill(7)
  return new PromiseClients({
    inFlight,
    expected: 'APPLIED',
    start: () => {
      const result = engine.addLog(payload)
      if (result.status === 'BUSY') return undefined
      return result.status === 'SUCCESS' ? result.outcome : Promise.resolve(result)
    },
  })
}

function progress(engine: ReplicationEngine): NodeProgress {
  const { partitions } = engine.status()
  return {
    atMs: sharedNowMs(),
    commit: partitions.reduce((sum, { commit }) => sum + commit, 0),
    applied: partitions.reduce((sum, { applied }) => sum + applied, 0),
    rssBytes: process.memoryUsage.rss(),
  }
}

/** Who asks again no longer waits for the answer to an earlier question. */
class NextCommit {
  readonly #engine: ReplicationEngine
  #asked = 0

  constructor(engine: ReplicationEngine) {
    this.#engine = engine
  }

  async find(): Promise<{ readonly atMs: number } | null> {
    const asked = ++this.#asked
    for (;;) {
      await leading(this.#engine)
      if (asked !== this.#asked) return null
      const result = this.#engine.addLog(new Uint8Array(100))
      const outcome = result.status === 'SUCCESS' ? await result.outcome : result
      if (outcome.status === 'APPLIED') return { atMs: sharedNowMs() }
      await nextTurn()
    }
  }
}
