// Libraries as systems. Always true of these tests: a library that is not installed is skipped with its packages; they
// look at what is counted and at what is left behind, never at how fast something was.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { missingMessage } from '../src/peers/go.ts'
import { etcdRaft, hashicorpRaft, LIBRARIES, librarySystem } from '../src/peers/libraries.ts'
import type { Setup } from '../src/system.ts'
import { newDirectory, processesIn, untilNoneIn } from './left-behind.ts'

const systems = [etcdRaft, hashicorpRaft]
const setups = ['disk', 'memory', 'one-process'] as const satisfies readonly Setup[]
/** Programs are made when they are first needed. */
const LIMIT = { timeout: 180_000 }

describe('the systems', () => {
  it('have the names that rows use, and say what they are', () => {
    expect(systems.map(({ name }) => name)).toEqual(['etcd-raft', 'hashicorp-raft'])
    for (const system of systems) {
      expect(system.kind).toBe('library')
      expect(system.setups).toEqual(setups)
      expect(system.title).toMatch(/\d/)
      for (const setup of setups) expect(system.shape).toContain(`${setup}: `)
    }
  })

  it('say which packages are missing', async () => {
    const needed = [
      { debianPackage: 'a-library', file: '/nowhere/a' },
      { debianPackage: 'node', file: process.execPath },
    ]
    expect(missingMessage(needed)).toMatch(/ a-library$/)
    expect(await librarySystem({ ...LIBRARIES['etcd-raft'], needed }).missing()).toBe(missingMessage(needed))
    expect(await librarySystem({ ...LIBRARIES['etcd-raft'], needed: [] }).missing()).toBeUndefined()
  })

  it('need Go and nothing that is not packaged', () => {
    const packages = Object.values(LIBRARIES).flatMap(({ needed }) => needed.map(({ debianPackage }) => debianPackage))
    for (const name of packages) expect(name).toMatch(/^golang-[a-z0-9-]+$/)
    for (const { needed } of Object.values(LIBRARIES)) expect(needed[0]?.file).toBe('go')
  })
})

describe.each(systems.flatMap((system) => setups.map((setup) => ({ name: system.name, setup, system }))))(
  '$name, $setup',
  ({ name, setup, system }) => {
    it('answers all that is counted, and leaves nothing behind', LIMIT, async (context) => {
      const reason = await system.missing()
      context.skip(reason !== undefined, reason)
      const directory = newDirectory()
      const running = await system.start(setup, directory)
      try {
        // The leader is with the clients.
        const others = setup === 'one-process' ? 0 : 2
        expect(processesIn(directory)).toHaveLength(others)
        const load = { inFlight: 1, bytes: 100, seconds: 0.2, warmUpSeconds: 0.05 }
        // Up and down: nothing of one load may be left in the next.
        for (const inFlight of [1, 100, 3]) {
          const { operations, wallMs, cpuUs, leaderCpuUs, p50Us, p99Us } = await running.measure({ ...load, inFlight })
          expect(operations).toBeGreaterThan(0)
          expect(wallMs).toBeGreaterThanOrEqual(200)
          expect(leaderCpuUs).toBeGreaterThan(0)
          expect(cpuUs > leaderCpuUs!).toBe(others > 0)
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
  },
)

describe('libraries', () => {
  it('fail when a node ends, and the others end as well', LIMIT, async (context) => {
    const reason = await etcdRaft.missing()
    context.skip(reason !== undefined, reason)
    const directory = newDirectory()
    const running = await etcdRaft.start('memory', directory)
    try {
      const measured = running.measure({ inFlight: 10, bytes: 100, seconds: 60, warmUpSeconds: 0 })
      process.kill(Number(processesIn(directory)[0]), 'SIGKILL')
      await expect(measured).rejects.toThrow(/for etcd-raft: .*node \d/)
    } finally {
      await running.stop()
    }
    await untilNoneIn(directory)
  })

  it('end when they do not come up', LIMIT, async (context) => {
    const reason = await etcdRaft.missing()
    context.skip(reason !== undefined, reason)
    const nowhere = join(newDirectory(), 'file')
    writeFileSync(nowhere, '')
    await expect(etcdRaft.start('disk', nowhere)).rejects.toThrow('for etcd-raft: mkdir')
  })
})
