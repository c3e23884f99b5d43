// The command as a user runs it. Always true of these tests: they look at the shape of what comes out and at the
// arithmetic, never at how fast something was.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseArguments } from '../src/arguments.ts'
import type { BenchCase, Sample } from '../src/case.ts'
import { cases } from '../src/cases/index.ts'
import { closedLoop } from '../src/closed-loop.ts'
import { median, sideBySide } from '../src/measure.ts'
import { caseReport, type RunReport, tableText, thisMachine } from '../src/report.ts'
import { estimateSeconds, ROUNDS, runCases } from '../src/run.ts'

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

function fakeCase(name: string, values: readonly number[], calls: string[] = []): BenchCase {
  let round = 0
  return {
    name,
    description: `what ${name} is`,
    unit: 'things/s',
    setupSeconds: 1,
    run: (seconds) => {
      calls.push(`${name} for ${seconds}`)
      const sample: Sample = { value: values[round++]!, figures: [{ name: 'p50', unit: 'us', value: round }] }
      return Promise.resolve(sample)
    },
  }
}

describe('the command', () => {
  it('prints one JSON object with every round of every case', async () => {
    const { code, stdout } = await run('--seconds', '0.05', '--json', '--only', 'block')
    expect(code).toBe(0)
    const report = JSON.parse(stdout) as RunReport
    expect(report).toMatchObject({
      command: 'pnpm bench --seconds 0.05 --json --only block',
      rounds: 5,
      seconds: 0.05,
      machine: { node: process.version },
    })
    expect(report.machine.cpus).toBeGreaterThan(0)
    expect(report.cases.map(({ name }) => name)).toEqual(['block/encode', 'block/decode'])
    for (const each of report.cases) {
      expect(each.unit).toBe('entries/s')
      expect(each.rounds).toHaveLength(5)
      for (const { value, cpuUsPerOperation } of each.rounds) {
        expect(value).toBeGreaterThan(0)
        expect(cpuUsPerOperation).toBeGreaterThanOrEqual(0)
      }
      expect(each.min).toBe(Math.min(...each.rounds.map(({ value }) => value)))
      expect(each.max).toBe(Math.max(...each.rounds.map(({ value }) => value)))
    }
  })

  it('prints an aligned table that says how it was made', async () => {
    const { code, stdout, stderr } = await run('--seconds', '0.05', '--only', 'raft/encode-reply')
    expect(code).toBe(0)
    expect(stderr).toContain('1 cases, 5 rounds each')
    expect(stdout).toContain('pnpm bench --seconds 0.05 --only raft/encode-reply')
    expect(stdout).toMatch(/^case +unit +median +min \.\. max +CPU us\/op/m)
    expect(stdout).toMatch(/^raft\/encode-reply +messages\/s +[\d,.]+ +[\d,.]+ \.\. [\d,.]+/m)
  })

  it('measures three engines, and checks their answers', async () => {
    const { code, stdout } = await run('--seconds', '0.1', '--json', '--only', 'engine/64')
    expect(code).toBe(0)
    const { cases: all } = JSON.parse(stdout) as RunReport
    for (const { figures } of all[0]!.rounds) expect(figures!.map(({ name }) => name)).toEqual(['p50', 'p99'])
  })

  it('gives help', async () => {
    const { code, stdout } = await run('--help')
    expect(code).toBe(0)
    for (const { name, description } of cases) {
      expect(stdout).toContain(name)
      expect(stdout).toContain(description)
    }
  })

  it('names the cases when it is asked for another one', async () => {
    const { code, stdout, stderr } = await run('--only', 'nonsense')
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('nonsense')
    for (const { name } of cases) expect(stderr).toContain(name)
  })
})

describe('the arguments', () => {
  const some = [fakeCase('one/a', []), fakeCase('one/b', []), fakeCase('onetwo/a', [])]
  const chosen = (...argv: string[]): string[] => {
    const parsed = parseArguments(argv, some)
    return parsed.status === 'RUN' ? parsed.options.cases.map(({ name }) => name) : []
  }

  it('choose cases by name and by group', () => {
    expect(chosen()).toEqual(['one/a', 'one/b', 'onetwo/a'])
    expect(chosen('--only', 'one')).toEqual(['one/a', 'one/b'])
    expect(chosen('--only', 'one/b')).toEqual(['one/b'])
    expect(chosen('--only', 'onetwo', '--only', 'one/a')).toEqual(['one/a', 'onetwo/a'])
    expect(chosen('--', '--only', 'one/b')).toEqual(['one/b'])
  })

  it.each([
    [['--seconds', '0']],
    [['--seconds', 'x']],
    [['--seconds', '-1']],
    [['--seconds', '601']],
    [['--fast']],
    [['x']],
  ])('are wrong: %j', (argv) => expect(parseArguments(argv, some).status).toBe('WRONG'))

  it('have names that differ', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
  })
})

describe('a run', () => {
  it('alternates the rounds of its cases', async () => {
    const calls: string[] = []
    const fast = fakeCase('fast', [5, 1, 4, 2, 3], calls)
    const slow = fakeCase('slow', [1, 1, 1, 1, 1], calls)
    const progress: string[] = []
    const [first] = await runCases([fast, slow], 10, (round, { name }) => progress.push(`${round} ${name}`))
    expect(calls).toEqual(Array.from({ length: ROUNDS }, () => ['fast for 2', 'slow for 2']).flat())
    expect(progress.slice(0, 3)).toEqual(['1 fast', '1 slow', '2 fast'])
    expect(caseReport(first!)).toMatchObject({ median: 3, min: 1, max: 5 })
    expect(estimateSeconds([fast, slow], 10)).toBe(2 * (10 * 1.25 + ROUNDS))
  })

  it('is shown with medians of all its figures', async () => {
    const results = await runCases([fakeCase('fast', [5, 1, 4, 2_345_678, 3])], 1, () => undefined)
    const text = tableText({
      command: 'pnpm bench',
      startedAt: '',
      machine: thisMachine(),
      rounds: ROUNDS,
      seconds: 1,
      cases: results.map(caseReport),
    })
    expect(text).toContain('1 .. 2,350,000')
    expect(text).toContain('p50 3 us')
  })

  it('takes the median of an even number of values between the two in the middle', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })

  it('compares side by side', async () => {
    const sample = await sideBySide(
      1,
      'plain',
      (seconds) => Promise.resolve({ operations: 100 * seconds, wallMs: seconds * 1000, cpuUs: 1 }),
      (seconds) => Promise.resolve({ operations: 50 * seconds, wallMs: seconds * 1000, cpuUs: 1 }),
    )
    expect(sample.value).toBeCloseTo(50)
    expect(sample.figures!.map(({ value }) => value)).toEqual([100, 0.5])
  })

  it('fails when an operation does', async () => {
    const loop = closedLoop({
      outstanding: 2,
      seconds: 0.01,
      expected: 'APPLIED',
      start: () => Promise.resolve({ status: 'LOST' }),
    })
    await expect(loop).rejects.toThrow('LOST')
  })
})
