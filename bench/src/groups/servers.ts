// Servers: what they make of values that are written by clients of theirs, beside the engine as a library.

import type { Group } from '../cell.ts'
import type { System } from '../system.ts'
import { type SystemLoad, systemStage } from './system-stage.ts'

const LOADS: readonly SystemLoad[] = [1, 64, 1024].map((inFlight) => ({ inFlight, bytes: 100 }))

/** `systems`: ours, of which one will do, and the servers that can be measured here. */
export function serversGroup(systems: readonly System[]): Group {
  return {
    name: 'servers',
    about: 'writes to three servers by their best clients, beside the engine inside an application',
    stages: [
      systemStage('servers/disk', 'durable as far as each server goes', 'disk', LOADS, systems),
      systemStage('servers/memory', 'nothing waits for a flush', 'memory', LOADS, systems),
    ],
  }
}
