// Three replicas in one process, over memory logs and a memory network: everything of Mako but disk and sockets.

import { ownCpuUs } from '../stopwatch.ts'
import type { ProtocolName } from '../systems/protocol.ts'
import { memoryEngines, startedLeader } from '../memory-engines.ts'
import { serve } from './child.ts'
import { type ClientLoad, Clients, type LoopResult } from './clients.ts'

export interface TrioOptions {
  readonly protocol: ProtocolName
  readonly partitions: readonly number[]
}

export interface TrioCalls {
  readonly cpuUs: () => number
  readonly begin: (load: ClientLoad) => Promise<void>
  readonly measure: (seconds: number) => Promise<LoopResult>
  readonly stop: () => Promise<void>
}

export async function trio({ protocol, partitions }: TrioOptions): Promise<void> {
  const engines = memoryEngines(protocol, partitions)
  const clients = engines.map((engine) => new Clients(engine))
  for (const [i, engine] of engines.entries()) {
    engine.onApply({ leader: clients[i]!.applied, follower: () => undefined })
  }
  await Promise.all(engines.map((engine) => engine.start()))
  const leading = async (): Promise<Clients> => clients[engines.indexOf(await startedLeader(engines))]!
  let current: Clients | undefined
  serve<TrioCalls>({
    cpuUs: ownCpuUs,
    begin: async (load) => {
      current = await leading()
      await current.begin(load)
    },
    measure: (seconds) => current!.measure(seconds),
    stop: async () => {
      await Promise.all(engines.map((engine) => engine.stop()))
    },
  })
}
