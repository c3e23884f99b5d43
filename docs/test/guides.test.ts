// The guides do what they say: their code blocks are written to files and run, their tables are compared with the
// sources. A block is marked ```ts file=NAME; what it prints is in the block marked ```text of=NAME.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../packages/engine/src/limits.ts'
import { DEFAULT_RAFT_OPTIONS } from '../../packages/raft/src/options.ts'
import { DEFAULT_SHARD_LIMITS } from '../../packages/watermark/src/limits.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The code blocks of a guide that have this mark, by the name behind it. */
function blocks(guide: string, mark: 'file' | 'of'): Map<string, string> {
  const found = [...read(`docs/${guide}`).matchAll(/^```\w+ (file|of)=(\S+)\n([\s\S]*?)^```/gm)]
  return new Map(found.filter((match) => match[1] === mark).map((match) => [match[2]!, match[3]!]))
}

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Writes files to a new folder below one where the packages are found. */
function writeBelow(parent: string, files: Iterable<readonly [string, string]>): string {
  const folder = mkdtempSync(join(root, parent, '.guide-'))
  folders.push(folder)
  for (const [name, text] of files) writeFileSync(join(folder, name), text)
  return folder
}

/** Numbers of ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      return await new Promise<Server>((done) => server.listen(0, '127.0.0.1', () => done(server)))
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

/** A process that runs one file of a guide, and everything that it has printed. */
class Running {
  readonly child: ChildProcess
  printed = ''
  readonly ended: Promise<number | null>

  constructor(folder: string, file: string, ...args: string[]) {
    this.child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { cwd: folder })
    for (const output of [this.child.stdout, this.child.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => (this.printed += text))
    }
    this.ended = new Promise((done) => this.child.once('exit', (code) => done(code)))
  }

  get runs(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }
}

const running: Running[] = []
afterEach(async () => {
  for (const each of running) if (each.runs) each.child.kill('SIGKILL')
  await Promise.all(running.map((each) => each.ended))
  running.length = 0
})

function run(folder: string, file: string, ...args: string[]): Running {
  const started = new Running(folder, file, ...args)
  running.push(started)
  return started
}

describe('getting started', () => {
  /** What the client has been told so far, in order. */
  const answers = (client: Running): { value: number; from: string }[] =>
    [...client.printed.matchAll(/^hits = (\d+) \(from (\w+)\)$/gm)].map(([, value, from]) => ({
      value: Number(value),
      from: from!,
    }))

  it('three processes count on, exactly once each, when the leader is killed and comes back', async () => {
    const ids = ['a', 'b', 'c']
    const [one, two, three, ...clientPorts] = await freePorts(6)
    const files = blocks('getting-started.md', 'file')
    const cluster = files.get('cluster.yaml')!
    const ports = ['7101', '7102', '7103']
    for (const port of ports) expect(cluster).toContain(`127.0.0.1:${port}`)
    files.set(
      'cluster.yaml',
      cluster.replace(/710[123]/g, (port) => String([one, two, three][ports.indexOf(port)])),
    )
    const folder = writeBelow('examples/hello-log', files)
    const portOf = (id: string): string => String(clientPorts[ids.indexOf(id)])
    const start = (id: string): Running => run(folder, 'node.ts', id, portOf(id))

    const nodes = new Map(ids.map((id) => [id, start(id)]))
    const client = run(folder, 'client.ts', ...ids.map((id) => `${id}=${portOf(id)}`))
    const all = (): string => [...nodes.values(), client].map((each) => each.printed).join('\n')
    const waitFor = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
      await expect.poll(condition, { timeout: 40_000, interval: 50, message: all() }).toBe(true)
    }

    await waitFor(() => answers(client).length >= 5)
    const killed = answers(client).at(-1)!.from
    const before = answers(client).length
    nodes.get(killed)!.child.kill('SIGKILL')
    await nodes.get(killed)!.ended
    await waitFor(
      () =>
        answers(client)
          .slice(before)
          .filter(({ from }) => from !== killed).length >= 5,
    )

    nodes.set(killed, start(killed))
    const goal = answers(client).length + 3
    const hitsOf = async (id: string): Promise<number> => {
      const response = await fetch(`http://127.0.0.1:${portOf(id)}`).catch(() => undefined)
      return response === undefined ? 0 : (((await response.json()) as { hits?: number }).hits ?? 0)
    }
    for (const id of ids) await waitFor(async () => (await hitsOf(id)) >= goal)
    expect(answers(client).map(({ value }) => value)).toEqual(answers(client).map((_, i) => i + 1))

    client.child.kill('SIGKILL')
    for (const node of nodes.values()) node.child.kill('SIGTERM')
    for (const [id, node] of nodes) expect(await node.ended, `${id}: ${node.printed}`).toBe(0)
  }, 180_000)
})

describe('programs in guides', () => {
  it.each([
    ['speculation.md', 'speculation.ts', 'examples/hello-log'],
    ['answers.md', 'answers.ts', 'examples/hello-log'],
    ['simulator.md', 'simulator.ts', 'packages/raft'],
    ['testing-your-state-machine.md', 'main.ts', 'examples/test-your-state-machine'],
  ])(
    '%s: %s prints what is shown',
    async (guide, file, parent) => {
      const folder = writeBelow(parent, blocks(guide, 'file'))
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file], {
        cwd: folder,
        timeout: 60_000,
      })
      expect(stdout).toBe(blocks(guide, 'of').get(file))
    },
    90_000,
  )
})

describe('conformance', () => {
  it('a log store over a Map passes the suite, without a test that is left out but those of failing disks', async () => {
    // With a configuration of its own: the one of this workspace is for its own folders.
    const files: [string, string][] = [...blocks('conformance.md', 'file'), ['vitest.config.ts', 'export default {}']]
    const folder = writeBelow('packages/store', files)
    const runner = join(root, 'node_modules/vitest/vitest.mjs')
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [runner, 'run', '--root', folder, '--reporter', 'json'],
      { cwd: folder, timeout: 60_000 },
    )
    const { numFailedTests, numPassedTests, numPendingTests } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<
      string,
      number
    >
    expect([numFailedTests, numPendingTests]).toEqual([0, 2])
    expect(numPassedTests).toBeGreaterThan(20)
  }, 90_000)
})

describe('the programs', () => {
  it.each([
    ['examples/hello-log', ['getting-started.md', 'speculation.md', 'answers.md']],
    ['packages/raft', ['simulator.md']],
    ['examples/test-your-state-machine', ['testing-your-state-machine.md']],
    ['packages/store', ['conformance.md']],
  ])(
    'below %s are accepted by a strict compiler: %j',
    async (parent, guides) => {
      const config = {
        extends: '../../../tsconfig.base.json',
        // These are programs, not libraries: what they export has no readers.
        compilerOptions: { isolatedDeclarations: false, declaration: false },
        include: ['*.ts'],
      }
      const programs = guides.flatMap((guide) => [...blocks(guide, 'file')])
      const folder = writeBelow(parent, [...programs, ['tsconfig.json', JSON.stringify(config)]])
      const compiler = join(root, 'node_modules/typescript/bin/tsc')
      const compiled = await promisify(execFile)(process.execPath, [compiler, '-p', folder]).catch(
        (error: unknown) => error as { stdout: string },
      )
      // What the packages themselves have to say is told by `pnpm typecheck`.
      const complaints = compiled.stdout.split('\n').filter((line) => line.includes(basename(folder)))
      expect(complaints).toEqual([])
    },
    90_000,
  )
})

describe('operations', () => {
  const text = read('docs/operations.md')

  /** The rows of the table below this heading: the first cell, without its quotes, and the second. */
  const table = (head: string, nth = 0): [string, string][] => {
    const start = [...text.matchAll(new RegExp(`^\\| ${head} +\\|.*\\n\\|.*\\n`, 'gm'))][nth]!
    const rows = text
      .slice(start.index + start[0].length)
      .split('\n\n')[0]!
      .trim()
      .split('\n')
    return rows.map((row) => {
      const [, first, second] = row.split('|')
      return [first!.trim().replaceAll('`', ''), second!.trim()]
    })
  }

  /** What is written in a table: 65,536 or 64 MiB or 8 MiB + 1 KiB or 5 ms. */
  const valueOf = (cell: string): number =>
    cell.split(' + ').reduce((sum, term) => {
      const [, number, unit] = /^([\d,]+)(?: (MiB|KiB|ms))?$/.exec(term)!
      return sum + Number(number!.replaceAll(',', '')) * (unit === 'MiB' ? 1024 * 1024 : unit === 'KiB' ? 1024 : 1)
    }, 0)

  it.each([
    ['an engine', DEFAULT_LIMITS, 0],
    ['a shard', DEFAULT_SHARD_LIMITS, 1],
  ])('lists every limit of %s with its default', (_, defaults, nth) => {
    const limits = Object.fromEntries(table('limit', nth).map(([key, value]) => [key, valueOf(value)]))
    expect(limits).toEqual(defaults)
  })

  it('lists the timings with their defaults', () => {
    const defaults: Readonly<Record<string, unknown>> = { ...DEFAULT_RAFT_OPTIONS }
    const timings = table('option')
    expect(timings.map(([key]) => key)).toEqual(Object.keys(defaults).filter((key) => key.endsWith('Ms')))
    for (const [key, value] of timings) expect(valueOf(value), key).toBe(defaults[key])
  })

  const codesOf = (file: string): string[] => {
    const union = read(file).split('export class')[0]!
    return [...union.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code!)
  }

  it('says what to do about every error code', () => {
    const listed = table('code').map(([code]) => code)
    expect(listed.toSorted()).toEqual(codesOf('packages/engine/src/errors.ts').toSorted())
  })

  it('names every code of the store', () => {
    const codes = codesOf('packages/store/src/kv/errors.ts')
    expect(codes.length).toBeGreaterThan(5)
    for (const code of codes) expect(text).toContain(`\`${code}\``)
  })
})

describe('answers', () => {
  it('has a row for every reason of BUSY and REJECTED', () => {
    const contract = read('packages/engine/src/contract.ts')
    const rows = read('docs/answers.md')
      .split('\n')
      .filter((line) => line.startsWith('|'))
    for (const [type, status] of [
      ['BusyReason', 'BUSY'],
      ['RejectReason', 'REJECTED'],
    ] as const) {
      const union = new RegExp(`type ${type} =([\\s\\S]*?)\\n\\n`).exec(contract)![1]!.replace(/\/\*\*.*?\*\//g, '')
      const reasons = [...union.matchAll(/'([a-z-]+)'/g)].map(([, reason]) => reason!)
      expect(reasons.length).toBeGreaterThan(3)
      for (const reason of reasons) {
        const row = rows.find((line) => line.startsWith(`| \`${status}\``) && line.includes(`\`${reason}\``))
        expect(row, `${status} ${reason}`).toBeDefined()
      }
    }
  })
})
