// What is said of a run: rows, and with which command, on what machine and with which peers they were made.

import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import type { Row } from './rows.ts'
import type { System } from './system.ts'

export interface RunReport {
  readonly rows: readonly Row[]
  readonly command: string
  readonly startedAt: string
  readonly tookSeconds: number
  readonly machine: Machine
  readonly rounds: number
  /** Of a cell, over all its rounds. */
  readonly seconds: number
  /** What was left out, and why. */
  readonly notes: readonly string[]
  readonly systems: readonly Pick<System, 'name' | 'kind' | 'title' | 'shape'>[]
  readonly groups: readonly { readonly name: string; readonly about: string }[]
}

export interface Machine {
  readonly node: string
  readonly platform: string
  readonly cpus: number
  readonly cpuModel: string
  readonly memoryBytes: number
  /** Over one minute, when the run began: what else was going on. */
  readonly load: number
  /** Where the logs on disk were written. */
  readonly temporaryDirectory: string
}

export function thisMachine(): Machine {
  const processors = cpus()
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpus: processors.length,
    cpuModel: processors[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    load: loadavg()[0]!,
    temporaryDirectory: tmpdir(),
  }
}

/** One line about where and how figures were made. */
export function conditionsText({ machine, rounds, seconds, startedAt }: Omit<RunReport, 'rows'>): string {
  const { node, platform, cpuModel, load } = machine
  return (
    `${startedAt}, Node ${node}, ${platform}, ${machine.cpus} x ${cpuModel}, load ${load.toFixed(1)} at the start; ` +
    `${rounds} alternating rounds, ${seconds} s of each cell in all`
  )
}
