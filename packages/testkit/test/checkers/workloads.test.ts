// The register and the list workload: good clusters are valid, and machines that lie are caught.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkAppends } from '../../src/checkers/appends.ts'
import { isTransactional, type History, type MicroOperation } from '../../src/checkers/history.ts'
import { checkLinearizable } from '../../src/checkers/linearizable.ts'
import { checkSerializable } from '../../src/checkers/serializable.ts'
import { readHistory, writeHistory } from '../../src/node/history-file.ts'
import { raftProbe, simRaft } from '../../src/node/raft.ts'
import { runSeed, type SeedResult } from '../../src/storm/run.ts'
import { LISTS, listAppendWorkload, listAppendWorkloadOver } from '../../src/workload/list-append.ts'
import { REGISTERS, registerWorkload, registerWorkloadOver } from '../../src/workload/register.ts'
import type { Workload, WorkloadFactory } from '../../src/workload/workload.ts'
import '../../src/vitest/index.ts'

interface Run {
  readonly result: SeedResult
  readonly history: History
}

async function run(seed: number, make: WorkloadFactory, seconds = 2): Promise<Run> {
  let made: Workload | undefined
  const workload: WorkloadFactory = (world) => (made = make(world))
  const result = await runSeed(seed, { protocol: simRaft, probe: raftProbe, seconds, workload })
  return { result, history: made?.history?.() ?? [] }
}

describe('registers and lists in storms', () => {
  it('are linearizable, and of the shape that a checker can judge', async () => {
    let known = 0
    let unknown = 0
    for (let seed = 1; seed <= 6; seed++) {
      const { result, history } = await run(seed, registerWorkload)
      expect(result).toKeepTheLaws()
      if (isTransactional(history)) throw new Error('These are no transactions.')
      expect(checkLinearizable(history).verdict).toBe('valid')
      const isRead = new Set(history.map(({ key }) => key))
      for (const { key, op, status, ret } of history) {
        if (status === 'info') unknown++
        else known++
        // Every key was read after everything else that is known of it.
        const isLast = history.every((other) => other.key !== key || other.status === 'info' || other.ret! <= ret!)
        if (isLast && op === 'get' && status === 'ok') isRead.delete(key)
      }
      expect([...isRead]).toEqual([])
    }
    expect(known).toBeGreaterThan(200)
    expect(unknown / (known + unknown)).toBeLessThan(0.06)
  }, 60_000)

  it('are strictly serializable, and each append is there once', async () => {
    let acknowledged = 0
    for (let seed = 1; seed <= 6; seed++) {
      const { result, history } = await run(seed, listAppendWorkload)
      expect(result).toKeepTheLaws()
      if (!isTransactional(history)) throw new Error('These are transactions.')
      expect(history).toBeStrictSerializable()
      expect(history).toKeepAppends()
      acknowledged += history.filter(({ type }) => type === 'ok').length
    }
    expect(acknowledged).toBeGreaterThan(200)
  }, 60_000)

  it('have one history for each seed', async () => {
    for (const make of [registerWorkload, listAppendWorkload]) {
      expect(await run(5, make, 1)).toEqual(await run(5, make, 1))
    }
  })
})

/** Every so often, in each state of its own. */
function everySo(often: number): (state: object) => boolean {
  const counts = new WeakMap<object, number>()
  return (state) => {
    const count = (counts.get(state) ?? 0) + 1
    counts.set(state, count)
    return count % often === 0
  }
}

describe('a machine that lies', () => {
  const now = everySo(25)
  const told = new WeakMap<object, Map<string, string | undefined>>()
  it.each([
    [
      'by losing puts',
      registerWorkloadOver({
        ...REGISTERS,
        apply: (state, command) => (command.op === 'put' && now(state) ? {} : REGISTERS.apply(state, command)),
      }),
    ],
    [
      'by reading what was there before',
      registerWorkloadOver({
        ...REGISTERS,
        apply: (state, command) => {
          const older = told.get(state) ?? new Map<string, string | undefined>()
          told.set(state, older)
          const before = older.get(command.key)
          older.set(command.key, state.get(command.key))
          if (command.op === 'get' && now(state)) return before === undefined ? {} : { out: before }
          return REGISTERS.apply(state, command)
        },
      }),
    ],
    [
      'by counting twice',
      registerWorkloadOver({
        ...REGISTERS,
        apply: (state, command) => {
          if (command.op === 'incr' && now(state)) REGISTERS.apply(state, command)
          return REGISTERS.apply(state, command)
        },
      }),
    ],
    [
      'by losing appends',
      listAppendWorkloadOver({
        ...LISTS,
        apply: (state, command) => {
          const lost = now(state) ? command.findIndex(([name]) => name === 'append') : -1
          const result: MicroOperation[] = []
          for (const [i, part] of command.entries()) result.push(i === lost ? part : LISTS.apply(state, [part])[0]!)
          return result
        },
      }),
    ],
    [
      'by appending twice',
      listAppendWorkloadOver({
        ...LISTS,
        apply: (state, command) => {
          if (now(state)) LISTS.apply(state, command.filter(([name]) => name === 'append').slice(0, 1))
          return LISTS.apply(state, command)
        },
      }),
    ],
  ])('%s is caught', async (_, make) => {
    let caught = 0
    for (let seed = 21; seed < 26; seed++) {
      const { result } = await run(seed, make)
      if (result.violation === undefined) continue
      expect(result.violation.law).toBe('workload')
      caught++
    }
    expect(caught).toBeGreaterThan(0)
  })
})

describe('a history in a file', () => {
  it('is judged as the one that was written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mako-history-'))
    try {
      const file = join(folder, 'history.jsonl')
      const registers = await run(7, registerWorkload, 1)
      writeHistory(file, registers.history)
      expect(readHistory(file)).toEqual(registers.history)
      const lists = await run(7, listAppendWorkload, 1)
      writeHistory(file, lists.history)
      const again = readHistory(file)
      if (!isTransactional(again)) throw new Error('These are transactions.')
      expect(checkSerializable(again).verdict).toBe('valid')
      expect(checkAppends(again).verdict).toBe('valid')
      expect(readFileSync(file, 'utf8').split('\n')[0]).toMatch(
        /^\{"type":"invoke","process":\d+,"time":\d+,"value":\[/,
      )
      writeFileSync(file, '{"type":"invoke"}\n')
      expect(() => readHistory(file)).toThrow(/process/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
