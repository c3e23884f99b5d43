// Virtual time for suites: a test takes no longer than its work. Always true: time passes only while the test waits.

import { SimProcess } from '../world/process.ts'
import { VirtualTime } from '../world/time.ts'
import type { TestTime } from './runner.ts'

/** Makes a time of its own; everything under test must be given its clock. */
export function virtualTime(): TestTime {
  const time = new VirtualTime()
  return { clock: new SimProcess(time).clock, pass: () => time.runFor(2) }
}
