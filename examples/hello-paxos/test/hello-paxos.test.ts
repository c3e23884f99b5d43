// The canonical example with Paxos: it differs in one word, and does the same.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const original = fileURLToPath(new URL('../../hello-log/src/main.ts', import.meta.url))
const cwd = fileURLToPath(new URL('..', import.meta.url))

it('differs from hello-log in one word: the protocol', () => {
  const words = (path: string): string[] => readFileSync(path, 'utf8').split(/\b/)
  const [here, there] = [words(main), words(original)]
  expect(here).toHaveLength(there.length)
  const changes = here.flatMap((word, at) => (word === there[at] ? [] : [`${there[at]!} -> ${word}`]))
  expect(changes.length).toBeGreaterThan(0)
  expect(new Set(changes)).toEqual(new Set(['raft -> paxos']))
})

it('elects, refuses on a follower, accepts on the leader, applies on all three, and exits', async () => {
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', main], { cwd, timeout: 25_000 })
  const { stdout, stderr } = await run
  expect(stderr).toBe('')
  const lines = stdout.trim().split('\n')
  const leader = /^([abc]) leads$/.exec(lines[0]!)?.[1]
  expect(leader).toBeDefined()
  expect(lines[1]).toBe(`a follower answers NOT_LEADER, ask ${leader}`)
  expect(lines).toContain(`APPLIED: done by ${leader}`)
  const applications = lines.filter((line) => line.includes(' applies ')).map((line) => line.split(' applies '))
  expect(applications.map(([node]) => node).sort()).toEqual(['a', 'b', 'c'])
  expect(new Set(applications.map(([, what]) => what)).size).toBe(1)
  expect(applications[0]![1]).toMatch(/^\d+: hello$/)
})
