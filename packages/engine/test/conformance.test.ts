// Engines under the conformance suite, with every protocol over every log store and every transport.

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogStore, Member, NodeId, Protocol, Transport } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { raft } from '@mako/raft'
import { memoryDisk, memoryLog, openFileLog } from '@mako/store/log'
import { engineSuite, virtualTime, type TestTime } from '@mako/testkit/suites'
import { memoryNetwork, tcpTransport } from '@mako/transport'
import * as vitest from 'vitest'

const IDS = ['a', 'b', 'c']
const root = await mkdtemp(join(tmpdir(), 'mako-engines-'))
vitest.afterAll(() => rm(root, { recursive: true, force: true }))
let folders = 0

type Logs = (id: NodeId) => LogStore | Promise<LogStore>
interface Network {
  readonly members: readonly Member[]
  readonly transport: (id: NodeId) => Transport
}

/** One line for each protocol; a short timeout, as most of these tests run in real time. */
const PROTOCOLS: Readonly<Record<string, () => Protocol<never>>> = {
  raft: () => raft({ heartbeatMs: 40, electionTimeoutMs: 400 }) as Protocol<never>,
  paxos: () => paxos({ heartbeatMs: 40, electionTimeoutMs: 400 }) as Protocol<never>,
}

const LOGS: Readonly<Record<string, () => Logs>> = {
  memory: () => {
    const disks = new Map(IDS.map((id) => [id, memoryDisk()]))
    return (id) => memoryLog(disks.get(id))
  },
  file: () => {
    const folder = join(root, String(folders++))
    return (id) => openFileLog(join(folder, id), { segmentBytes: 64 * 1024 })
  },
}

const NETWORKS: Readonly<Record<string, (time: TestTime) => Network | Promise<Network>>> = {
  memory: ({ clock }) => {
    const network = memoryNetwork({ clock })
    return { members: IDS.map((id) => ({ id, address: `${id}:1` })), transport: (id) => network.transport(id) }
  },
  tcp: async () => {
    const members = await Promise.all(IDS.map(async (id) => ({ id, address: `127.0.0.1:${await freePort()}` })))
    return { members, transport: () => tcpTransport({ minBackoffMs: 10, maxBackoffMs: 50 }) }
  },
}

for (const [protocolName, createProtocol] of Object.entries(PROTOCOLS)) {
  for (const [logName, createLogs] of Object.entries(LOGS)) {
    for (const [networkName, createNetwork] of Object.entries(NETWORKS)) {
      // Each half and half combination once, with one of the protocols: it is the ports that meet there.
      const isLeftOut =
        (logName === 'file' && networkName === 'memory' && protocolName !== 'raft') ||
        (logName === 'memory' && networkName === 'tcp' && protocolName === 'raft')
      if (isLeftOut) continue
      const isVirtual = logName === 'memory' && networkName === 'memory'
      engineSuite(vitest, {
        name: `${protocolName}, ${logName} log, ${networkName} transport`,
        createProtocol,
        createWorld: async (time) => ({ ...(await createNetwork(time)), log: createLogs() }),
        // Files and sockets take real time: many tests wait at once.
        ...(isVirtual ? { createTime: virtualTime } : { concurrent: true }),
      })
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
