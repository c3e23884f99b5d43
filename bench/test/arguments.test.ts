// The command line: what is asked for, and what is wrong with it.

import { describe, expect, it } from 'vitest'
import { type BenchOptions, type Choice, parseArguments } from '../src/arguments.ts'
import { type Group, isNamed } from '../src/cell.ts'
import { groupsOf } from '../src/groups/index.ts'
import { ours, peers } from '../src/systems/index.ts'
import { fakeCell } from './fakes.ts'

const cells = [
  fakeCell({ name: 'one/a', inFlight: 1 }),
  fakeCell({ name: 'one/a', inFlight: 64 }),
  fakeCell({ name: 'one/b', inFlight: null, bytes: null }),
  fakeCell({ name: 'onetwo/a' }),
]
const group = (name: string): Group => ({
  name,
  about: `what ${name} is`,
  stages: [{ cells: cells.filter((cell) => cell.name.startsWith(`${name}/`)), setupSeconds: 0 }],
})
const choice: Choice = { groups: [group('one'), group('onetwo')], peers: ['etcd', 'redis'] }

function options(...argv: string[]): BenchOptions {
  const parsed = parseArguments(argv, choice)
  if (parsed.status !== 'RUN') throw new Error(JSON.stringify(parsed))
  return parsed.options
}

describe('the arguments', () => {
  it('have defaults', () => {
    const expected = { only: [], seconds: 0.2, rounds: 3, peers: ['etcd', 'redis'], json: false }
    expect(options()).toMatchObject({ ...expected, plot: undefined, profile: undefined })
    expect(options('--')).toMatchObject(expected)
  })

  it('choose', () => {
    expect(
      options('--only', 'one', '--only', 'onetwo/a/64', '--seconds', '3', '--rounds', '5', '--json'),
    ).toMatchObject({
      only: ['one', 'onetwo/a/64'],
      seconds: 3,
      rounds: 5,
      json: true,
    })
    expect(options('--peers', 'none').peers).toEqual([])
    expect(options('--peers', 'redis').peers).toEqual(['redis'])
    expect(options('--peers', 'redis,etcd').peers).toEqual(['redis', 'etcd'])
  })

  it('name a file for plots, or not', () => {
    expect(options('--plot', 'a.html', '--json')).toMatchObject({ plot: 'a.html', json: true })
    expect(options('--plot', '--json')).toMatchObject({ plot: '.data/bench-report.html', json: true })
    expect(options('--json', '--plot').plot).toBe('.data/bench-report.html')
    expect(options('--plot=b.html').plot).toBe('b.html')
  })

  it.each([
    ['one', 3],
    ['one/a', 2],
    ['one/a/64', 1],
    ['one/a/64/100', 1],
    ['one/a/64/100/mako', 1],
    ['one/b', 1],
    ['one/b/mako', 1],
    ['onetwo', 1],
    ['on', 0],
    ['one/a/6', 0],
  ])('%s names %i cells', (name, count) => {
    expect(cells.filter((cell) => isNamed(cell, name))).toHaveLength(count)
    expect(parseArguments(['--only', name], choice).status).toBe(count === 0 ? 'WRONG' : 'RUN')
  })

  it.each([
    [['--seconds', '0']],
    [['--seconds', 'x']],
    [['--seconds', '-1']],
    [['--seconds', '601']],
    [['--rounds', '0']],
    [['--rounds', '1.5']],
    [['--rounds', '101']],
    [['--peers', 'mako']],
    [['--peers', '']],
    [['--only', 'nonsense']],
    [['--fast']],
    [['x']],
  ])('are wrong: %j', (argv) => expect(parseArguments(argv, choice).status).toBe('WRONG'))

  it('help: every group, every cell, every peer', () => {
    const all: Choice = { groups: groupsOf([...ours, ...peers], 1), peers: peers.map(({ name }) => name) }
    const parsed = parseArguments(['--help'], all)
    if (parsed.status !== 'HELP') throw new Error(parsed.status)
    for (const { name, stages } of all.groups) {
      expect(parsed.text).toContain(`\n${name}: `)
      for (const cell of stages.flatMap((stage) => stage.cells)) expect(parsed.text).toContain(`  ${cell.name} `)
    }
    for (const name of all.peers) expect(parsed.text).toContain(name)
  })
})
