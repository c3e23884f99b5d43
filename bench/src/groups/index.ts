// Every group there is, in the order in which they are measured and shown.

import type { Group } from '../cell.ts'
import type { System } from '../system.ts'
import { makoRaft, makoRaftWaiting } from '../systems/mako.ts'
import { engineGroup } from './engine.ts'
import { failoverGroup } from './failover.ts'
import { memoryGroup } from './memory.ts'
import { microGroup } from './micro.ts'
import { replayGroup } from './replay.ts'
import { serversGroup } from './servers.ts'
import { transactionsGroup } from './transactions.ts'
import { waitingGroup } from './waiting.ts'
import { ycsbGroup } from './ycsb.ts'

/** `systems`: all that may be measured; `defaultSeconds`: of a cell, when nothing else is asked for. */
export function groupsOf(systems: readonly System[], defaultSeconds: number): Group[] {
  const ofKind = (...kinds: readonly System['kind'][]): System[] => systems.filter(({ kind }) => kinds.includes(kind))
  return [
    engineGroup(ofKind('ours', 'library').filter(({ waiting }) => waiting !== 'only')),
    waitingGroup([makoRaftWaiting, ...ofKind('library').filter(({ waiting }) => waiting !== undefined)]),
    serversGroup([makoRaft, ...ofKind('server')]),
    transactionsGroup(),
    ycsbGroup(),
    failoverGroup(defaultSeconds),
    replayGroup(),
    memoryGroup(),
    microGroup(),
  ]
}
