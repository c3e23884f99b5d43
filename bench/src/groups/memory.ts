// Overload: entries are offered without waiting for any answer. What cannot be taken is BUSY, and memory stays as it is.

import { type Cell, figure, type Group, type Sample, sample } from '../cell.ts'
import type { OverloadResult } from '../children/overload.ts'
import type { ProtocolName } from '../systems/protocol.ts'
import { EngineSubject, progressOf } from './engine-subject.ts'

const BYTES = 1024
const MIB = 1024 * 1024
const WARM_UP = 0.25
const PATIENCE_MS = 20_000

export function memoryGroup(): Group {
  const cells = (['raft', 'paxos'] as const).map((protocol: ProtocolName): Cell => {
    const subject = new EngineSubject('overload', protocol, { preferredLeader: 'a' })
    return {
      name: 'memory/overload',
      system: `mako-${protocol}`,
      about: 'three processes, disk, as many entries as are taken; resident memory of all three, at start and end',
      unit: 'entries/s',
      inFlight: null,
      bytes: BYTES,
      peers: [],
      subject,
      overheadSeconds: 0.5,
      measure: (seconds) => overload(subject, seconds),
    }
  })
  return {
    name: 'memory',
    about: 'overload: BUSY, not growth; resident memory of all three processes in each round',
    stages: [{ cells, setupSeconds: 2 }],
  }
}

async function overload(subject: EngineSubject, seconds: number): Promise<Sample> {
  const { leader } = await subject.roles()
  const { nodes } = subject.nodes
  const load = (duration: number): Promise<OverloadResult> =>
    leader.child.call('overload', { bytes: BYTES, seconds: duration }, duration * 1000 + PATIENCE_MS)
  // Buffers that are there for good are made under the first load.
  await load(seconds * WARM_UP)
  const start = await Promise.all(nodes.map(progressOf))
  const result = await load(seconds)
  const end = await Promise.all(nodes.map(progressOf))
  const mib = (of: typeof start): number => of.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / MIB
  return sample({
    // What was taken before a leader was lost is no rate.
    rate: result.led ? (result.operations / result.wallMs) * 1000 : null,
    leaderCpuUsPerOp: result.cpuUs / result.operations,
    figures: [
      figure('rssStartMiB', mib(start)),
      figure('rssEndMiB', mib(end)),
      figure('busyPerSecond', (result.busy / result.wallMs) * 1000),
      figure('leadersLost', result.led ? 0 : 1),
    ],
  })
}
