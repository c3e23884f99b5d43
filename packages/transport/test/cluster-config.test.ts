// Cluster files: what a right one means, and that every fault of a wrong one is named with its path and place.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MakoError } from '@mako/engine'
import { expect, it } from 'vitest'
import { loadClusterConfig, parseClusterConfig } from '../src/index.ts'

const MEMBERS = `members:
  - { id: a, address: 127.0.0.1:7101 }
  - { id: b, address: "[::1]:7102" }
  - { id: c, address: node-c.example.com:7103 }
`

function failure(text: string): string {
  try {
    parseClusterConfig(text, 'cluster.yaml')
  } catch (error) {
    if (error instanceof MakoError && error.code === 'BAD_CONFIG') return error.message
    throw error
  }
  throw new Error('It was accepted.')
}

it('reads a small file and fills in what is left out', () => {
  expect(parseClusterConfig(`clusterId: test\n${MEMBERS}`)).toEqual({
    clusterId: 'test',
    members: [
      { id: 'a', address: '127.0.0.1:7101' },
      { id: 'b', address: '[::1]:7102' },
      { id: 'c', address: 'node-c.example.com:7103' },
    ],
    partitions: [0],
    leadTogether: [],
    timings: {},
    limits: {},
    warnings: [],
  })
})

it('reads everything that can be said, and freezes it', () => {
  const config = parseClusterConfig(`
clusterId: test
${MEMBERS}
partitions: [4, 5, 9]
leadTogether: [[4, 9], [5]]
timings: { heartbeatMs: 50, electionTimeoutMs: 200 }
limits: { outstandingEntries: 100 }
`)
  expect(config.partitions).toEqual([4, 5, 9])
  expect(config.leadTogether).toEqual([[4, 9], [5]])
  expect(config.timings).toEqual({ heartbeatMs: 50, electionTimeoutMs: 200 })
  expect(config.limits).toEqual({ outstandingEntries: 100 })
  expect(config.warnings).toHaveLength(1)
  expect(Object.isFrozen(config) && Object.isFrozen(config.members[0]) && Object.isFrozen(config.leadTogether[0])).toBe(
    true,
  )
})

it('counts partitions, and leads all of them together', () => {
  const config = parseClusterConfig(`clusterId: test\n${MEMBERS}partitions: 3\nleadTogether: true`)
  expect(config.partitions).toEqual([0, 1, 2])
  expect(config.leadTogether).toEqual([[0, 1, 2]])
})

it.each<[string, string, RegExp]>([
  ['no text', '', /the file \(line 1, column 1\): must be a map/],
  ['a list', '- 1', /the file \(line 1, column 1\): must be a map/],
  ['text that is not YAML', 'clusterId: [a', /line \d+, column \d+: /],
  ['a key that is there twice', 'clusterId: a\nclusterId: b', /line 2, column 1: .*unique/],
  ['an unknown anchor', 'clusterId: *nothing', /nothing/],
  ['no cluster id', MEMBERS, /clusterId \(line 1, column 1\): is missing/],
  [
    'a cluster id that is a number',
    `clusterId: 7\n${MEMBERS}`,
    /clusterId \(line 1, column 12\): must be text, "7" in/,
  ],
  ['no members', 'clusterId: t', /members .*: is missing/],
  ['an empty list of members', 'clusterId: t\nmembers: []', /members \(line 2, column 10\): must not be empty/],
  ['members that are none', 'clusterId: t\nmembers: 3', /members \(line 2, column 10\): must be a list/],
  [
    'a member without address',
    'clusterId: t\nmembers:\n  - id: a',
    /members\[0\]\.address \(line 3, column 5\): is missing/,
  ],
  [
    'a bad address',
    'clusterId: t\nmembers:\n  - id: a\n    address: nowhere',
    /members\[0\]\.address \(line 4, column 14\): "nowhere" is not host:port/,
  ],
  [
    'a bad port',
    'clusterId: t\nmembers:\n  - { id: a, address: "h:70000" }',
    /members\[0\]\.address .*outside of 1 to 65535/,
  ],
  ['port 0', 'clusterId: t\nmembers:\n  - { id: a, address: "h:0" }', /members\[0\]\.address .*outside of 1 to 65535/],
  ['an empty id', 'clusterId: t\nmembers:\n  - { id: "", address: "h:1" }', /members\[0\]\.id .*1 to 64 bytes/],
  [
    'a long id',
    `clusterId: t\nmembers:\n  - { id: ${'é'.repeat(33)}, address: "h:1" }`,
    /members\[0\]\.id .*1 to 64 bytes/,
  ],
  [
    'an id twice',
    `clusterId: t\n${MEMBERS}  - { id: b, address: h:1 }`,
    /members\[3\]\.id \(line 6, column 11\): "b" is already that of members\[1\]/,
  ],
  [
    'an address twice',
    `clusterId: t\n${MEMBERS}  - { id: d, address: 127.0.0.1:7101 }`,
    /members\[3\]\.address .*members\[0\]/,
  ],
  ['an unknown key', `clusterId: t\n${MEMBERS}colour: red`, /colour \(line 6, column 1\): is not a known key/],
  [
    'an unknown key of a member',
    'clusterId: t\nmembers:\n  - { id: a, address: h:1, port: 2 }',
    /members\[0\]\.port \(line 3, column 28\): is not/,
  ],
  [
    'an unknown limit',
    `clusterId: t\n${MEMBERS}limits: { speed: 9 }`,
    /limits\.speed \(line 6, column 11\): is not a known key/,
  ],
  [
    'a limit of nothing',
    `clusterId: t\n${MEMBERS}limits: { blockBytes: 0 }`,
    /limits\.blockBytes .*: must be more than 0/,
  ],
  ['partitions in words', `clusterId: t\n${MEMBERS}partitions: many`, /partitions \(line 6, column 13\): must be/],
  ['no partitions', `clusterId: t\n${MEMBERS}partitions: 0`, /partitions .*: must be at least 1/],
  [
    'a negative partition',
    `clusterId: t\n${MEMBERS}partitions: [1, -2]`,
    /partitions\[1\] \(line 6, column 17\): must be at least 0/,
  ],
  ['half a partition', `clusterId: t\n${MEMBERS}partitions: [1.5]`, /partitions\[0\] .*: must be a whole number/],
  [
    'a partition twice',
    `clusterId: t\n${MEMBERS}partitions: [1, 2, 1]`,
    /partitions\[2\] \(line 6, column 20\): partition 1 is there twice/,
  ],
  ['an unknown partition led', `clusterId: t\n${MEMBERS}leadTogether: [[0, 1]]`, /leadTogether\[0\]\[1\] .*not among/],
  [
    'a partition in two groups',
    `clusterId: t\n${MEMBERS}partitions: 2\nleadTogether: [[0, 1], [1]]`,
    /leadTogether\[1\]\[0\] .*already in leadTogether\[0\]/,
  ],
  [
    'a heartbeat of nothing',
    `clusterId: t\n${MEMBERS}timings: { heartbeatMs: 0 }`,
    /timings\.heartbeatMs .*: must be more than 0/,
  ],
  [
    'an election too early',
    `clusterId: t\n${MEMBERS}timings: { heartbeatMs: 50, electionTimeoutMs: 50 }`,
    /timings\.electionTimeoutMs .*longer/,
  ],
])('refuses %s', (_name, text, reason) => {
  const message = failure(text)
  expect(message).toMatch(/^cluster\.yaml does not describe a cluster:\n/)
  expect(message).toMatch(reason)
})

it('names all faults at once, in the order of the file', () => {
  const message = failure('clusterId: 1\nmembers:\n  - { id: a, address: x }\n  - { id: a, address: h:1 }\nmore: 1\n')
  expect(
    message
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(' ')[0]),
  ).toEqual(['clusterId', 'members[0].address', 'members[1].id', 'more'])
})

it('does not let aliases multiply', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (const [i, name] of ['b', 'c', 'd', 'e', 'f'].entries()) {
    const below = 'abcde'[i]!
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${below}`).join(', ')}]`)
  }
  expect(failure(bomb.join('\n'))).toMatch(/alias/i)
})

it('loads a file, and says which one cannot be read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mako-config-'))
  try {
    const file = join(folder, 'cluster.yaml')
    await writeFile(file, `clusterId: test\n${MEMBERS}`)
    expect((await loadClusterConfig(file)).members).toHaveLength(3)
    await writeFile(file, 'clusterId: test')
    await expect(loadClusterConfig(file)).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining(`${file} does not describe`) as string,
    })
    await writeFile(file, `# ${'x'.repeat(1024 * 1024)}`)
    await expect(loadClusterConfig(file)).rejects.toMatchObject({ code: 'BAD_CONFIG' })
    const missing = join(folder, 'missing.yaml')
    await expect(loadClusterConfig(missing)).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining(missing) as string,
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})
