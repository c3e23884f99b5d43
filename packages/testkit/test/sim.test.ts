// The command line: arguments, the shape of its answer, its exit code.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ArgumentError, parseArguments } from '../src/node/arguments.ts'
import { seedRunner } from '../src/node/registry.ts'
import { repeatLine } from '../src/node/sim-failure.ts'
import { parseTrace } from '../src/trace/json.ts'

const SIM = fileURLToPath(new URL('../src/node/sim.ts', import.meta.url))

function sim(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', SIM, ...args], {
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr }
}

describe('arguments', () => {
  it('have defaults', () => {
    expect(parseArguments([])).toEqual({
      protocol: 'raft',
      seeds: 100,
      seed: 1,
      seconds: 10,
      nodes: undefined,
      profile: 'storm',
      workload: 'log',
      timeline: false,
      shrink: false,
      bail: false,
      json: false,
      checkDeterminism: false,
      oneProcess: false,
    })
    expect(parseArguments(['--', '--help'])).toBeUndefined()
  })

  it('are refused by name when they are wrong', () => {
    for (const args of [
      ['--sedes', '1'],
      ['--seeds'],
      ['--seeds', '0'],
      ['--seed', '-1'],
      ['--seconds', 'ten'],
      ['--nodes', '1.5'],
      ['--profile', 'calm'],
      ['--profile', 'toString'],
      ['--seconds', ''],
      ['--faults', '1,x', '--seeds', '1'],
      ['--operations', '', '--seeds', '1'],
      ['--faults', '1'],
      ['--history', 'file'],
    ]) {
      expect(() => parseArguments(args), args.join(' ')).toThrow(ArgumentError)
      expect(() => parseArguments(args)).toThrow(args[0]!)
    }
  })

  it('say which faults and operations are kept', () => {
    expect(
      parseArguments(['--seeds', '1', '--faults', '3,17', '--operations', 'none', '--seconds', '0.5']),
    ).toMatchObject({
      faults: [3, 17],
      operations: [],
      seconds: 0.5,
    })
  })

  it('name a protocol and a workload that there is', () => {
    const options = parseArguments([])!
    expect(() => seedRunner({ ...options, protocol: 'zab' })).toThrow(/zab is not available; there is: raft/)
    expect(() => seedRunner({ ...options, workload: 'toString' })).toThrow(/toString is not available/)
  })
})

describe('pnpm sim', () => {
  it('answers with one JSON line and exit code 0', () => {
    const { code, out } = sim('--seeds', '2', '--seconds', '1', '--json', '--check-determinism')
    const last = JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, unknown>
    expect(last).toMatchObject({ ok: true, protocol: 'raft', seeds: 2, firstSeed: 1, failed: [] })
    expect(Object.keys(last)).toEqual([
      'ok',
      'protocol',
      'seeds',
      'firstSeed',
      'failed',
      'virtualSeconds',
      'realSeconds',
      'hash',
      'seedsPerSecond',
      'virtualSecondsPerSecond',
      'reached',
    ])
    expect(code).toBe(0)
  })

  it('has the same hash whether one process works or two', () => {
    const hash = (...args: string[]): unknown => (JSON.parse(sim(...args, '--json').out) as { hash: unknown }).hash
    expect(hash('--seeds', '21', '--seconds', '1')).toBe(hash('--seeds', '21', '--seconds', '1', '--one-process'))
  }, 120_000)

  it('has the same hash in another time zone and another language', () => {
    const hash = (env: NodeJS.ProcessEnv): unknown => {
      const { stdout } = spawnSync(
        process.execPath,
        ['--import', 'tsx', SIM, '--seeds', '4', '--seconds', '2', '--seed', '31', '--json'],
        { encoding: 'utf8', env: { ...process.env, ...env } },
      )
      return (JSON.parse(stdout) as { hash: unknown }).hash
    }
    expect(hash({ TZ: 'Pacific/Apia', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' })).toBe(
      hash({ TZ: 'UTC', LANG: 'C' }),
    )
  }, 60_000)

  it('says what is wrong with its arguments, with exit code 2', () => {
    const { code, err } = sim('--protocol', 'zab')
    expect(code).toBe(2)
    expect(err).toContain('zab is not available')
  })

  it('lists protocols, workloads and profiles', () => {
    const { code, out } = sim('--help')
    expect(code).toBe(0)
    for (const name of ['raft', 'paxos', 'log', 'kv', 'register', 'list-append', 'storm', 'gentle']) {
      expect(out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
    }
  })

  it('shows what happened last, and writes the trace', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mako-sim-'))
    try {
      const file = join(folder, 'trace.jsonl')
      const { code, out, err } = sim('--seeds', '1', '--seconds', '1', '--json', '--timeline', '--trace', file)
      expect(code).toBe(0)
      expect(JSON.parse(out.trim().split('\n').at(-1)!)).toMatchObject({ ok: true })
      expect(err).toMatch(/^ +ms \| a +\| b/m)
      expect(err).toContain(`is in ${file}`)
      expect(parseTrace(readFileSync(file, 'utf8')).events.length).toBeGreaterThan(100)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('a seed that fails', () => {
  const options = parseArguments(['--seeds', '1', '--seed', '7', '--nodes', '3', '--faults', '1,2'])!

  it('has a line that repeats it, all of it or what is enough', () => {
    const line = 'pnpm sim --protocol raft --seeds 1 --seed 7 --seconds 10 --profile storm --workload log --nodes 3'
    expect(repeatLine(options, 7)).toBe(`${line} --faults 1,2`)
    const enough = { faults: [], operations: [4, 5], seconds: 0.25 }
    expect(repeatLine(options, 7, enough)).toBe(
      `${line.replace('seconds 10', 'seconds 0.25')} --faults none --operations 4,5`,
    )
    const args = repeatLine(options, 7, enough).split(' ').slice(2)
    expect(parseArguments(args)).toMatchObject({ ...enough, seed: 7, nodes: 3 })
  })
})
