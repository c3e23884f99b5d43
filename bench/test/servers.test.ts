// Servers and a library of npm as systems. Always true of these tests: what is not installed is skipped with its packages; they look
// at what is counted and at what is left behind, never at how fast something was.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { missingMessage } from '../src/peers/go.ts'
import { LoadGenerator, parseAnswer } from '../src/peers/load-generator.ts'
import { skiffAlgorithm } from '../src/peers/npm.ts'
import { etcd, nats, redis, SERVERS, type ServerName, serverSystem, zookeeper } from '../src/peers/servers.ts'
import type { Setup } from '../src/system.ts'
import { newDirectory, processesIn, untilNoneIn } from './left-behind.ts'

const systems = [etcd, nats, redis, zookeeper]
/** Programs are made when they are first needed. */
const LIMIT_MS = 180_000

describe('what a load generator says', () => {
  const figures = { operations: 10, wallMs: 1, cpuUs: 3, leaderCpuUs: 2, p50Us: 1, p99Us: 2 }

  it('is a start, a measurement or a failure', () => {
    expect(parseAnswer('{"started":true}')).toEqual({ type: 'started' })
    expect(parseAnswer(JSON.stringify(figures))).toEqual({ type: 'measured', measurement: figures })
    expect(parseAnswer('{"error":"no server leads"}')).toEqual({ type: 'failed', reason: 'no server leads' })
  })

  it.each(['', 'x', 'null', '1', '[]', '{}', '{"operations":1}'])('is a failure when it is %j', (line) => {
    expect(parseAnswer(line)).toMatchObject({ type: 'failed', reason: expect.stringContaining('it said') as string })
  })

  it.each(Object.keys(figures))('is a failure without a good %s', (name) => {
    for (const value of [undefined, null, '1', -1]) {
      expect(parseAnswer(JSON.stringify({ ...figures, [name]: value })).type).toBe('failed')
    }
  })
})

describe('the systems', () => {
  it('have the names that rows use, and say what they are', () => {
    expect(systems.map(({ name }) => name)).toEqual(['etcd', 'nats', 'redis', 'zookeeper'])
    for (const system of systems) {
      expect(system.kind).toBe('server')
      expect(system.setups).toEqual(['disk', 'memory'])
      expect(system.title).toMatch(/\d/)
      expect(system.shape).toContain('disk: ')
      expect(system.shape).toContain('memory: ')
    }
  })

  it('say which packages are missing', async () => {
    const needed = [
      { debianPackage: 'a-file', file: '/nowhere/a' },
      { debianPackage: 'node', file: process.execPath },
      { debianPackage: 'a-program', file: 'no-such-program' },
      { debianPackage: 'a-shell', file: 'sh' },
    ]
    expect(missingMessage(needed)).toMatch(/install --no-install-recommends a-file a-program$/)
    expect(await serverSystem({ ...SERVERS.etcd, needed }).missing()).toBe(missingMessage(needed))
    expect(await serverSystem({ ...SERVERS.etcd, needed: [] }).missing()).toBeUndefined()
  })
})

/** Why it cannot be measured here. */
async function reasonToSkip(name: ServerName): Promise<string | undefined> {
  return await serverSystem(SERVERS[name]).missing()
}

describe.each([
  ['etcd', 'disk'],
  ['nats', 'memory'],
  ['redis', 'disk'],
  ['redis', 'memory'],
  ['zookeeper', 'disk'],
] as const satisfies readonly (readonly [ServerName, Setup])[])('%s, %s', (name, setup) => {
  it('answers all that is counted, and leaves nothing behind', { timeout: LIMIT_MS }, async (context) => {
    const reason = await reasonToSkip(name)
    context.skip(reason !== undefined, reason)
    const directory = newDirectory()
    const running = await LoadGenerator.start({ name, setup, directory, warmUpSeconds: 0 })
    try {
      // Redis copies itself for a moment to write a file.
      expect(processesIn(directory).length).toBeGreaterThanOrEqual(3)
      const load = { inFlight: 10, bytes: 100, seconds: 0.2, warmUpSeconds: 0.05 }
      for (const inFlight of [1, 10]) {
        const { operations, wallMs, cpuUs, leaderCpuUs, p50Us, p99Us } = await running.measure({ ...load, inFlight })
        expect(operations).toBeGreaterThan(0)
        expect(wallMs).toBeGreaterThanOrEqual(200)
        expect(leaderCpuUs).toBeGreaterThan(0)
        expect(cpuUs).toBeGreaterThan(leaderCpuUs!)
        expect(p50Us).toBeGreaterThan(0)
        expect(p99Us).toBeGreaterThanOrEqual(p50Us)
      }
      await expect(running.measure({ ...load, inFlight: 0 })).rejects.toThrow(`for ${name}: no load to be measured`)
      await expect(running.measure(load)).rejects.toThrow(`for ${name}`)
    } finally {
      await running.stop()
    }
    await untilNoneIn(directory)
    await running.stop()
  })
})

describe('skiff-algorithm', () => {
  it('has a name, and says what it is', () => {
    expect(skiffAlgorithm).toMatchObject({
      name: 'skiff-algorithm',
      kind: 'library',
      setups: ['memory', 'one-process'],
    })
  })

  it('answers all that is counted', { timeout: LIMIT_MS }, async (context) => {
    const reason = await skiffAlgorithm.missing()
    context.skip(reason !== undefined, reason)
    const directory = newDirectory()
    const running = await skiffAlgorithm.start('memory', directory)
    try {
      const load = { inFlight: 10, bytes: 100, seconds: 0.2, warmUpSeconds: 0.05 }
      const { operations, wallMs, cpuUs, leaderCpuUs } = await running.measure(load)
      expect(operations).toBeGreaterThan(0)
      expect(wallMs).toBeGreaterThanOrEqual(200)
      expect(leaderCpuUs).toBeGreaterThan(0)
      expect(cpuUs).toBeGreaterThan(leaderCpuUs!)
      await expect(running.measure({ ...load, inFlight: 0 })).rejects.toThrow('no load to be measured')
    } finally {
      await running.stop()
    }
  })
})

describe('servers', () => {
  it('end with the process that has asked for them', { timeout: LIMIT_MS }, async (context) => {
    const reason = await reasonToSkip('redis')
    context.skip(reason !== undefined, reason)
    const directory = newDirectory()
    const script = `
      import { redis } from './src/peers/servers.ts'
      await redis.start('memory', ${JSON.stringify(directory)})
      console.log('up')
      setInterval(() => undefined, 1000)
    `
    const bench = fileURLToPath(new URL('..', import.meta.url))
    const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
      cwd: bench,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(owner.stdout, 'data')
      expect(processesIn(directory).length).toBeGreaterThanOrEqual(3)
    } finally {
      owner.kill('SIGKILL')
    }
    await untilNoneIn(directory)
  })

  it('end when they do not come up', { timeout: LIMIT_MS }, async (context) => {
    const reason = await reasonToSkip('redis')
    context.skip(reason !== undefined, reason)
    const directory = newDirectory()
    const start = LoadGenerator.start({ name: 'redis', setup: 'one-process', directory, warmUpSeconds: 0 })
    await expect(start).rejects.toThrow('no such setup: "one-process"')
    await untilNoneIn(directory)
  })
})
