// What happens above the protocol: committed entries through the apply cursor, and the promises that callers wait for.

import { createEngine, type ReplicationEngine } from '@mako/engine'
import { raft } from '@mako/raft'
import { type MemoryDisk, memoryDisk, memoryLog } from '@mako/store/log'
import { memoryNetwork } from '@mako/transport/memory'
import type { Sample } from '../cell.ts'
import { memoryEngines, until, withLeader } from '../memory-engines.ts'
import { Stopwatch } from '../stopwatch.ts'
import { type MicroCase, microCase, rateOf } from './case.ts'
import { PromiseClients } from '../promise-clients.ts'

const payload = new Uint8Array(100).fill(7)
const ENTRIES = 200_000
const BLOCK = 64

function engineOfOne(disk: MemoryDisk): ReplicationEngine {
  return createEngine({
    protocol: raft({ electionTimeoutMs: 20, heartbeatMs: 5, tickMs: 1 }),
    nodeId: 'a',
    members: [{ id: 'a', address: 'a' }],
    log: memoryLog(disk),
    transport: memoryNetwork().transport(),
  })
}

/** A log of one node with many committed entries, in blocks. */
async function fullLog(): Promise<MemoryDisk> {
  const disk = memoryDisk()
  const engine = engineOfOne(disk)
  const block = Array<Uint8Array>(BLOCK).fill(payload)
  engine.onApply({ leader: () => undefined, follower: () => undefined })
  await withLeader([engine], async () => {
    for (let entries = 0; entries < ENTRIES; entries += BLOCK) {
      while (engine.addLogs(block).status !== 'SUCCESS') await engine.drain()
    }
    await engine.drain()
  })
  return disk
}

/** A node that starts again applies its log from the first entry to the last: read back, decoded, handed over. */
async function replay(disk: MemoryDisk): Promise<{ readonly entries: number; readonly watch: Stopwatch }> {
  const engine = engineOfOne(disk)
  const watch = new Stopwatch()
  let entries = 0
  const follower = (): void => {
    if (++entries === 1) watch.start()
    else if (entries === ENTRIES) watch.stop()
  }
  engine.onApply({ leader: () => undefined, follower })
  await withLeader([engine], () => until('the whole log', () => entries >= ENTRIES))
  return { entries, watch }
}

let full: Promise<MemoryDisk> | undefined

async function cursor(seconds: number): Promise<Sample> {
  full ??= fullLog()
  const disk = await full
  const total = { operations: 0, wallMs: 0, cpuUs: 0 }
  do {
    const { entries, watch } = await replay(disk)
    total.operations += entries
    total.wallMs += watch.wallMs
    total.cpuUs += watch.cpuUs
  } while (total.wallMs < seconds * 1000)
  return rateOf(total)
}

async function outcomes(inFlight: number, seconds: number): Promise<Sample> {
  const engines = memoryEngines('raft')
  for (const engine of engines) engine.onApply({ leader: () => undefined, follower: () => undefined })
  return await withLeader(engines, async (leader) => {
    const clients = new PromiseClients({
      inFlight,
      expected: 'APPLIED',
      start: () => {
        const result = leader.addLog(payload)
        if (result.status === 'BUSY') return undefined
        return result.status === 'SUCCESS' ? result.outcome : Promise.resolve(result)
      },
    })
    return await clients.sample(seconds)
  })
}

export const cursorCases: readonly MicroCase[] = [
  microCase({
    name: 'cursor',
    about: `apply a log of ${ENTRIES} entries in blocks of ${BLOCK} when a node starts again`,
    unit: 'entries/s',
    bytes: payload.length,
    overheadSeconds: 0.4,
    run: cursor,
  }),
  microCase({
    name: 'outcomes',
    about: 'three engines in one process, clients that wait for the promise of each outcome',
    unit: 'entries/s',
    inFlight: 1024,
    bytes: payload.length,
    overheadSeconds: 0.8,
    run: (seconds) => outcomes(1024, seconds),
  }),
]
