// From samples to rows: what programs read, and what tables and plots are made of.
//
// Always true: a ratio is one of two figures of the same cell in the same round, ours divided by the peer's; only then is
// the middle taken. So a machine that is slower for a while changes both and not their ratio.

import type { Sample } from './cell.ts'
import type { CellResult } from './run.ts'
import { medianOf, type Spread, spreadOf } from './spread.ts'

export interface Row {
  readonly name: string
  readonly system: string
  readonly inFlight: number | null
  readonly bytes: number | null
  /** In `unit`, over the rounds. */
  readonly rate: Spread | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly cpuUsPerOp: number | null
  /** The system in whose terms the ratios are; a cell has one row for each, or one row with null. */
  readonly peer: string | null
  /** Of the rates: above 1 is faster. */
  readonly ratio: Spread | null
  /** Of latencies and of processor time: below 1 is better. */
  readonly p50Ratio: Spread | null
  readonly p99Ratio: Spread | null
  readonly cpuRatio: Spread | null
  readonly unit: string
  readonly about: string
  readonly leaderCpuUsPerOp: number | null
  /** What else was measured, by name. */
  readonly figures: Readonly<Record<string, Spread>>
}

type Quantity = 'rate' | 'p50Ms' | 'p99Ms' | 'cpuUsPerOp'

/** Cells without a single sample have no row. */
export function rowsOf(results: readonly CellResult[]): Row[] {
  const measured = results.filter(({ samples }) => samples.some((each) => each !== undefined))
  return measured.flatMap((result) => {
    const peers = measured.filter(({ cell }) => isPeerOf(cell, result.cell))
    const plain = plainRow(result)
    return peers.length === 0 ? [plain] : peers.map((peer) => ({ ...plain, ...ratios(result, peer) }))
  })
}

function isPeerOf(peer: CellResult['cell'], cell: CellResult['cell']): boolean {
  return (
    peer.name === cell.name &&
    peer.inFlight === cell.inFlight &&
    peer.bytes === cell.bytes &&
    cell.peers.includes(peer.system)
  )
}

function plainRow({ cell, samples }: CellResult): Row {
  const { name, system, inFlight, bytes, unit, about } = cell
  const all = (pick: (each: Sample) => number | null): (number | null | undefined)[] =>
    samples.map((each) => (each === undefined ? undefined : pick(each)))
  return {
    name,
    system,
    inFlight,
    bytes,
    rate: spreadOf(all(({ rate }) => rate)),
    p50Ms: medianOf(all(({ p50Ms }) => p50Ms)),
    p99Ms: medianOf(all(({ p99Ms }) => p99Ms)),
    cpuUsPerOp: medianOf(all(({ cpuUsPerOp }) => cpuUsPerOp)),
    peer: null,
    ratio: null,
    p50Ratio: null,
    p99Ratio: null,
    cpuRatio: null,
    unit,
    about,
    leaderCpuUsPerOp: medianOf(all(({ leaderCpuUsPerOp }) => leaderCpuUsPerOp)),
    figures: figuresOf(samples),
  }
}

function ratios(
  ours: CellResult,
  theirs: CellResult,
): Pick<Row, 'peer' | 'ratio' | 'p50Ratio' | 'p99Ratio' | 'cpuRatio'> {
  const ratio = (quantity: Quantity): Spread | null =>
    spreadOf(ours.samples.map((mine, round) => quotient(mine?.[quantity], theirs.samples[round]?.[quantity])))
  return {
    peer: theirs.cell.system,
    ratio: ratio('rate'),
    p50Ratio: ratio('p50Ms'),
    p99Ratio: ratio('p99Ms'),
    cpuRatio: ratio('cpuUsPerOp'),
  }
}

function quotient(a: number | null | undefined, b: number | null | undefined): number | null {
  return a === null || a === undefined || b === null || b === undefined || b === 0 ? null : a / b
}

/** All values of a figure, over all rounds. */
function figuresOf(samples: readonly (Sample | undefined)[]): Record<string, Spread> {
  const values = new Map<string, number[]>()
  for (const { name, values: more } of samples.flatMap((each) => each?.figures ?? [])) {
    values.set(name, [...(values.get(name) ?? []), ...more])
  }
  return Object.fromEntries([...values].map(([name, each]) => [name, spreadOf(each)!]))
}
