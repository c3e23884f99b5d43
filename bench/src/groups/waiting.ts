// Clients that wait, as most programs have them: a promise for each entry, beside a goroutine for each.

import type { Group } from '../cell.ts'
import type { System } from '../system.ts'
import { type SystemLoad, systemStage } from './system-stage.ts'

const LOADS: readonly SystemLoad[] = [1, 64, 1024].map((inFlight) => ({ inFlight, bytes: 100 }))

/** `systems`: ours and the libraries that can be measured here, with clients that wait. */
export function waitingGroup(systems: readonly System[]): Group {
  return {
    name: 'waiting',
    about: 'entries through three processes, by clients that each wait for a promise, or for a channel',
    stages: [
      systemStage('waiting/disk', 'TCP over loopback, a majority has flushed', 'disk', LOADS, systems),
      systemStage('waiting/memory', 'TCP over loopback, logs in memory', 'memory', LOADS, systems),
    ],
  }
}
