// What is shown of a run: a table for people, an object for programs. Always true: both say with which command and on
// what machine the figures were made.

import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import type { BenchCase, Sample } from './case.ts'
import { median } from './measure.ts'

export interface CaseResult {
  readonly benchCase: BenchCase
  /** One for each round, in order. */
  readonly samples: readonly Sample[]
}

export interface RunReport {
  readonly command: string
  readonly startedAt: string
  readonly machine: Machine
  readonly rounds: number
  readonly seconds: number
  readonly cases: readonly CaseReport[]
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

export interface CaseReport {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly rounds: readonly Sample[]
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

export function caseReport({ benchCase: { name, description, unit }, samples }: CaseResult): CaseReport {
  const values = samples.map(({ value }) => value)
  return {
    name,
    description,
    unit,
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    rounds: samples,
  }
}

export function tableText(report: RunReport): string {
  const { machine, command, rounds } = report
  const header = ['case', 'unit', 'median', 'min .. max', 'CPU us/op', 'also (medians)']
  const rows = report.cases.map((each) => [
    each.name,
    each.unit,
    number(each.median),
    `${number(each.min)} .. ${number(each.max)}`,
    cpuText(each.rounds),
    figuresText(each.rounds),
  ])
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  /** Names to the left, numbers to the right. */
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column < 2 || column === 5 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [
    `${command}   (${rounds} rounds, alternating)`,
    `Node ${machine.node}, ${machine.platform}, ${machine.cpus} x ${machine.cpuModel}, load ${machine.load.toFixed(1)}`,
    '',
    line(header),
    ...rows.map(line),
  ].join('\n')
}

function cpuText(samples: readonly Sample[]): string {
  const values = samples.flatMap(({ cpuUsPerOperation }) =>
    cpuUsPerOperation === undefined ? [] : [cpuUsPerOperation],
  )
  return values.length === 0 ? '-' : number(median(values))
}

function figuresText(samples: readonly Sample[]): string {
  const [first] = samples
  return (first?.figures ?? [])
    .map(({ name, unit }) => {
      const values = samples.flatMap(({ figures = [] }) => figures.filter((f) => f.name === name).map((f) => f.value))
      return `${name} ${number(median(values))} ${unit}`
    })
    .join(', ')
}

/** Three digits that count, and no more. */
function number(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}
