// The command as a user runs it: the smallest cell of each group, for a moment, without peers. Always true of these
// tests: they look at the shape of what comes out, never at how fast something was.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { RunReport } from '../src/report.ts'

const bench = fileURLToPath(new URL('..', import.meta.url))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const command = ['--import', 'tsx', 'src/main.ts', ...args]
    execFile(process.execPath, command, { cwd: bench, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}

const CELLS = [
  ['engine/one-process/64/100/mako-raft', 'mako-raft', 64, 100],
  ['servers/memory/1/100/mako-raft', 'mako-raft', 1, 100],
  ['transactions/tpcc-1-stream', 'mako', 2048, null],
  ['ycsb/B', 'mako', 256, null],
  ['failover/kill/mako-raft', 'mako-raft', null, null],
  ['replay/together/1024/100/mako-raft', 'mako-raft', 1024, 100],
  ['memory/overload/1024/mako-raft', 'mako-raft', null, 1024],
  ['micro/block-encode/100', 'mako', null, 100],
] as const

describe('the command', () => {
  // Elections may happen on a machine that is busy with other tests; a run that has lost its leader says so and fails.
  it('measures each group, and prints one JSON object with all rows', { timeout: 90_000, retry: 2 }, async () => {
    const only = CELLS.flatMap(([path]) => ['--only', path])
    const args = ['--json', '--seconds', '0.03', '--rounds', '1', '--peers', 'none', ...only]
    const { code, stdout, stderr } = await run(...args)
    expect(stderr).toContain(`${CELLS.length} cells, 1 rounds each: about`)
    expect(stderr).not.toContain('failed')
    expect(code).toBe(0)
    const report = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as RunReport
    expect(report).toMatchObject({ rounds: 1, seconds: 0.03, notes: [], machine: { node: process.version } })
    expect(report.command).toBe(['pnpm bench', ...args].join(' '))
    expect(report.rows.map(({ system, inFlight, bytes }) => [system, inFlight, bytes])).toEqual(
      CELLS.map(([, ...key]) => key),
    )
    for (const [i, row] of report.rows.entries()) {
      expect(CELLS[i]![0].startsWith(row.name)).toBe(true)
      expect(row).toMatchObject({ peer: null, ratio: null, p50Ratio: null, p99Ratio: null, cpuRatio: null })
      const spreads = [row.rate, ...Object.values(row.figures)].filter((each) => each !== null)
      expect(spreads).not.toHaveLength(0)
      for (const { min, median, max } of spreads) {
        expect(min).toBeLessThanOrEqual(median)
        expect(median).toBeLessThanOrEqual(max)
      }
    }
    const [engine, servers, transactions, ycsb, failover, replay, memory, micro] = report.rows
    for (const row of [engine, servers, transactions, ycsb]) {
      expect(row!.rate!.min).toBeGreaterThan(0)
      expect(row!.p50Ms).toBeGreaterThan(0)
      expect(row!.p99Ms).toBeGreaterThanOrEqual(row!.p50Ms!)
      expect(row!.cpuUsPerOp).toBeGreaterThan(0)
    }
    expect(transactions!.figures).toMatchObject({ replayedPercent: { min: 100, max: 100 } })
    expect(failover).toMatchObject({ rate: null, figures: { ms: {}, electionTimeouts: {} } })
    expect(failover!.p50Ms).toBeGreaterThan(0)
    expect(replay!.figures).toMatchObject({ replayedPercent: { min: 100, max: 100 } })
    expect(memory!.figures.rssEndMiB!.min).toBeGreaterThan(0)
    expect(micro!.rate!.min).toBeGreaterThan(0)
  })

  it('says which cells there are when it is asked for another one', { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await run('--only', 'nonsense')
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('nonsense')
    expect(stderr).toContain('engine/disk')
  })
})
