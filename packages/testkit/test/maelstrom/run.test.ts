// Whole runs against real processes: a small node that is right, and the same node with one lie each, which must be told.

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isTransactional, parseHistory } from '../../src/checkers/history.ts'
import { checkLinearizable } from '../../src/checkers/linearizable.ts'
import { checkSerializable } from '../../src/checkers/serializable.ts'
import type { KeyOperation } from '../../src/checkers/history.ts'
import { parseArguments } from '../../src/node/maelstrom/arguments.ts'
import { StartError } from '../../src/node/maelstrom/cluster.ts'
import type { MaelstromResult } from '../../src/node/maelstrom/result.ts'
import { runMaelstrom, type RunControl } from '../../src/node/maelstrom/run.ts'

const NODE = resolve(import.meta.dirname, 'fixtures/node.mjs')
const ROOT = resolve(import.meta.dirname, '../../../..')

/** Temporary folders of the runs below are made here. */
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mako-test-'))
  vi.stubEnv('TMPDIR', folder)
})
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

async function run(text: string, lie = '', control: RunControl = {}): Promise<MaelstromResult> {
  const options = parseArguments(`--nodes 2 --time-limit 0.8 --rate 200 --timeout 1000 ${text}`.split(' '), NODE)
  if (options === undefined) throw new Error('That asks for help.')
  const args = [...options.args, ...(lie === '' ? [] : ['--lie', lie])]
  return await runMaelstrom({ ...options, args }, { limits: { convergenceMs: 500, recoveryMs: 5_000 }, ...control })
}

describe('a node that is right', () => {
  it('passes a run with all faults; no process and no file is left', async () => {
    let history = ''
    const onHistory = (text: string): void => {
      history = text
    }
    const result = await run(
      '--workload unique-ids --nodes 3 --nemesis kill,pause,partition --time-limit 2 --seed 3',
      '',
      {
        onHistory,
      },
    )
    expect(result).toMatchObject({ ok: true, errors: [], workload: 'unique-ids', nodes: 3, seed: 3 })
    expect(result.operations.ok).toBeGreaterThan(50)
    for (const kind of ['kill', 'pause', 'partition']) expect(result.nemesis[kind]).toBeGreaterThan(0)
    const pids = new Set([...history.matchAll(/"id":"n\d-(\d+)-/g)].map((match) => Number(match[1])))
    expect(pids.size).toBeGreaterThan(3)
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(readdirSync(folder)).toEqual([])
  })

  it('keeps its answers over kills, in a history that checkers read', async () => {
    let history = ''
    const onHistory = (text: string): void => {
      history = text
    }
    const result = await run('--workload lin-kv --nemesis kill --latency 2 --seed 2', '', { onHistory })
    expect(result.errors).toEqual([])
    expect(result.messages.servers).toBeGreaterThan(0)
    const operations = parseHistory(history) as readonly (KeyOperation & { readonly create?: true })[]
    expect(operations.length).toBeGreaterThan(50)
    const keys = new Set(operations.filter(({ create }) => create === true).map(({ key }) => key))
    expect(checkLinearizable(operations.filter(({ key }) => !keys.has(key))).verdict).toBe('valid')
  })

  it('answers transactions, in a history that checkers read', async () => {
    let history = ''
    const onHistory = (text: string): void => {
      history = text
    }
    const result = await run('--workload txn-list-append', '', { onHistory })
    expect(result.errors).toEqual([])
    const events = parseHistory(history)
    expect(isTransactional(events) && checkSerializable(events).verdict).toBe('valid')
  })

  it('is the one in the guide', async () => {
    const guide = readFileSync(join(ROOT, 'docs/maelstrom.md'), 'utf8')
    const [, program] = /^```js file=echo.mjs\n([\s\S]*?)^```/m.exec(guide) ?? []
    const file = join(folder, 'echo.mjs')
    writeFileSync(file, program ?? '', { mode: 0o755 })
    const result = await run(`--workload echo --nodes 1 --time-limit 0.5 --bin ${file}`)
    expect(result.errors).toEqual([])
    rmSync(file)
  })

  it('executes once what clients send again and again', async () => {
    const result = await run('--workload pn-counter --resend 5 --latency 10 --nodes 2')
    expect(result.errors).toEqual([])
  })
})

describe('a node that lies is told', () => {
  it.concurrent.each([
    ['lose', 'broadcast', 'lost'],
    ['lose', 'g-counter', 'wrong sum'],
    ['stale', 'lin-kv', 'not linearizable'],
    ['duplicate-offset', 'kafka', 'two messages'],
    ['stale', 'txn-rw-register', 'internal'],
    ['babble', 'echo', 'not a message'],
    ['crash', 'echo', 'crash'],
    ['forget', 'g-set --nemesis kill --nodes 1 --time-limit 3', 'lost'],
    ['twice', 'pn-counter --resend 5 --latency 10 --nodes 2', 'wrong sum'],
  ])('%s in %s: %s', async (lie, workload, kind) => {
    const result = await run(`--workload ${workload}`, lie)
    expect(result.ok).toBe(false)
    expect(result.errors.map((text) => text.slice(0, text.indexOf(':')))).toContain(kind)
  })
})

describe('a run that cannot go on', () => {
  it('a program that does not start, or is not there, is no verdict', async () => {
    await expect(run('--workload echo', 'never-starts')).rejects.toThrow(StartError)
    await expect(run('--workload echo --bin /there/is/no/such/program')).rejects.toThrow('ENOENT')
    expect(readdirSync(folder)).toEqual([])
  })

  it('a run that is interrupted leaves nothing behind', async () => {
    const interruption = new AbortController()
    const reason = new Error('enough')
    const onProgress = (): void => {
      interruption.abort(reason)
    }
    const control = { signal: interruption.signal, onProgress }
    await expect(run('--workload echo --time-limit 100', '', control)).rejects.toBe(reason)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('pnpm maelstrom', () => {
  interface Ended {
    readonly code: number
    readonly stdout: string
    readonly stderr: string
  }

  function command(text: string): Promise<Ended> {
    const args = ['--import', 'tsx', 'packages/testkit/src/node/maelstrom.ts', ...text.split(' ')]
    return new Promise((done) => {
      execFile(process.execPath, args, { cwd: ROOT }, (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), stdout, stderr })
      })
    })
  }

  it('prints a table and one line of JSON, and writes the history', async () => {
    const file = join(folder, 'history.jsonl')
    const { code, stdout } = await command(`--workload kafka --bin ${NODE} --time-limit 0.5 --json --history ${file}`)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^run +kafka, raft, 3 nodes/)
    const result = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as MaelstromResult
    expect(result).toMatchObject({ ok: true, workload: 'kafka', protocol: 'raft', nodes: 3, errors: [] })
    expect(Object.keys(result.latencyMs)).toEqual(['p50', 'p90', 'p99', 'max'])
    expect(readFileSync(file, 'utf8')).toContain('"f":"send"')
  })

  it('ends with 1 for a node that is wrong', async () => {
    vi.stubEnv('MAKO_LIE', 'lose')
    const { code, stdout } = await command(`--workload echo --bin ${NODE} --time-limit 0.5 --nodes 1`)
    expect(code).toBe(1)
    expect(stdout).toContain('wrong echo')
  })

  it('ends with 2 or 3 for a wrong argument and a program that does not start, and with 0 for help', async () => {
    const ended = await Promise.all([
      command(`--workload echo --bin ${process.execPath} --nodes 1`),
      command('--workload chess'),
      command('--help'),
    ])
    expect(ended.map(({ code }) => code)).toEqual([3, 2, 0])
    expect(ended[1].stderr).toContain('--workload must be one of')
    expect(ended[2].stdout).toContain('txn-rw-register')
  })
})
