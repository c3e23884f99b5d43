// From samples to rows, tables and plots: arithmetic and shape.

import { describe, expect, it } from 'vitest'
import { type Cell, figure, type Sample, sample } from '../src/cell.ts'
import { plotHtml } from '../src/plot/html.ts'
import { type RunReport, thisMachine } from '../src/report.ts'
import { rowsOf } from '../src/rows.ts'
import type { CellResult } from '../src/run.ts'
import { medianOf, spreadOf } from '../src/spread.ts'
import { tablesText } from '../src/table.ts'
import { fakeCell } from './fakes.ts'

function result(cell: Partial<Cell>, ...samples: (Partial<Sample> | undefined)[]): CellResult {
  return { cell: fakeCell(cell), samples: samples.map((each) => (each === undefined ? undefined : sample(each))) }
}

const rate = (value: number): Partial<Sample> => ({ rate: value })

describe('spreads', () => {
  it('have a middle', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 })
    expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 })
  })

  it('leave out what is not there', () => {
    expect(spreadOf([null, 5, undefined])).toEqual({ min: 5, median: 5, max: 5 })
    expect(spreadOf([null, undefined])).toBeNull()
    expect(medianOf([])).toBeNull()
  })
})

describe('rows', () => {
  it('take ratios round by round, and their middle only then', () => {
    const rows = rowsOf([
      result({ system: 'mako-raft', peers: ['etcd-raft'] }, rate(100), rate(10), rate(30)),
      result({ system: 'etcd-raft' }, rate(50), rate(10), rate(10)),
    ])
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatchObject({
      system: 'mako-raft',
      peer: 'etcd-raft',
      rate: { min: 10, median: 30, max: 100 },
      ratio: { min: 1, median: 2, max: 3 },
    })
    expect(rows[1]).toMatchObject({ system: 'etcd-raft', peer: null, ratio: null })
  })

  it('have the same rate for each peer, and one row without any', () => {
    const rows = rowsOf([
      result({ system: 'mako-paxos', peers: ['etcd-raft', 'hashicorp-raft', 'mako-raft'] }, rate(6)),
      result({ system: 'mako-raft', peers: ['etcd-raft', 'hashicorp-raft'] }, rate(3)),
      result({ system: 'etcd-raft' }, rate(2)),
      result({ system: 'mako-raft', peers: ['etcd-raft'], inFlight: 1 }, rate(9)),
    ])
    expect(rows.map((row) => [row.system, row.inFlight, row.peer, row.ratio?.median])).toEqual([
      ['mako-paxos', 64, 'mako-raft', 2],
      ['mako-paxos', 64, 'etcd-raft', 3],
      ['mako-raft', 64, 'etcd-raft', 1.5],
      ['etcd-raft', 64, null, undefined],
      ['mako-raft', 1, null, undefined],
    ])
  })

  it('compare only rounds that both have', () => {
    const [row] = rowsOf([
      result({ system: 'mako', peers: ['redis'] }, rate(4), rate(100)),
      result({ system: 'redis' }, rate(2), undefined),
    ])
    expect(row!.ratio).toEqual({ min: 2, median: 2, max: 2 })
    expect(row!.rate).toEqual({ min: 4, median: 52, max: 100 })
  })

  it('compare latency and processor time too', () => {
    const [row] = rowsOf([
      result({ system: 'mako', peers: ['redis'] }, { rate: 1, p50Ms: 1, p99Ms: 8, cpuUsPerOp: 3, leaderCpuUsPerOp: 2 }),
      result({ system: 'redis' }, { rate: 1, p50Ms: 2, p99Ms: 2, cpuUsPerOp: 4 }),
    ])
    expect(row).toMatchObject({ p50Ms: 1, p99Ms: 8, cpuUsPerOp: 3, leaderCpuUsPerOp: 2 })
    expect([row!.p50Ratio, row!.p99Ratio, row!.cpuRatio].map((each) => each!.median)).toEqual([0.5, 4, 0.75])
  })

  it('are not made of what was never measured, and keep every value of a figure', () => {
    const rows = rowsOf([
      result({ system: 'mako' }, { figures: [figure('ms', 5, 1)] }, { figures: [figure('ms', 9)] }),
      result({ system: 'redis' }, undefined, undefined),
    ])
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({ rate: null, figures: { ms: { min: 1, median: 5, max: 9 } } })
  })
})

const cells = [
  result(
    { name: 'engine/disk', system: 'mako-raft', inFlight: 1024, peers: ['etcd-raft'] },
    {
      rate: 2_345_678,
      p50Ms: 0.1234,
      p99Ms: 1,
      cpuUsPerOp: 2,
      leaderCpuUsPerOp: 1,
    },
  ),
  result({ name: 'engine/disk', system: 'etcd-raft', inFlight: 1024 }, rate(1_000_000), rate(2_000_000)),
  result({ name: 'engine/disk', system: 'mako-raft', inFlight: 1, peers: ['etcd-raft'] }, rate(1000)),
  result({ name: 'micro/<b>', system: 'mako', inFlight: null, bytes: null, unit: 'messages/s' }, rate(7)),
]
const report: RunReport = {
  rows: rowsOf(cells),
  command: 'pnpm bench --only engine',
  startedAt: 'then',
  tookSeconds: 1,
  machine: thisMachine(),
  rounds: 2,
  seconds: 1,
  notes: ['nats is left out: nats-server is not installed'],
  systems: [
    { name: 'mako-raft', kind: 'ours', title: 'Mako', shape: 'as it is' },
    { name: 'etcd-raft', kind: 'library', title: 'etcd', shape: 'in Go' },
  ],
  groups: [
    { name: 'engine', about: 'entries' },
    { name: 'micro', about: 'parts' },
    { name: 'empty', about: 'nothing' },
  ],
}

describe('tables', () => {
  const text = tablesText(report)

  it('say how they were made, and what was left out', () => {
    expect(text).toContain('pnpm bench --only engine\nthen, Node')
    expect(text).toContain('note: nats is left out: nats-server is not installed')
    expect(text).not.toContain('empty')
  })

  it('have one line for each cell, and write what repeats once', () => {
    const lines = text.split('\n')
    const [first, second, third] = lines.slice(lines.findIndex((line) => line.startsWith('disk')))
    expect(first).toMatch(/^disk +1,024 +100 +mako-raft +2,350,000 +0.123 +1 +2 +2.35$/)
    expect(second).toMatch(/^ +etcd-raft +1,500,000 \(1,000,000 \.\. 2,000,000\)$/)
    expect(third).toMatch(/^ +1 +100 +mako-raft +1,000$/)
    expect(text).toContain('x etcd-raft')
  })

  it('are aligned', () => {
    const lines = text.split('\n')
    const header = lines.find((line) => line.startsWith('what'))!
    const row = lines.find((line) => line.startsWith('disk'))!
    expect(row.indexOf('mako-raft')).toBe(header.indexOf('system'))
    expect(row.length).toBe(header.length)
  })
})

describe('the plots', () => {
  const html = plotHtml(report)

  it('are one page that needs nothing else', () => {
    expect(html).toMatch(/^<!doctype html>/)
    expect(html).not.toMatch(/https?:|src=|<script|@import/)
    expect(html).toContain('prefers-color-scheme:dark')
  })

  it('draw each system where there is more than one load', () => {
    expect(html).toContain('<h2>engine/disk</h2>')
    expect(html.match(/<svg/g)).toHaveLength(3)
    expect(html).not.toContain('NaN')
    expect(html).toContain('mako-raft, 1,020: 2,350,000')
  })

  it('show every row, and what was left out', () => {
    expect(html).toContain('<td>micro/&lt;b&gt;</td>')
    expect(html).not.toContain('micro/<b>')
    expect(html).toContain('nats-server is not installed')
  })
})
