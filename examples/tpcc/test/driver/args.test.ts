// The command line: defaults, values, and a message for everything that is wrong.

import { describe, expect, it } from 'vitest'
import { DEFAULTS, HELP, parseArguments } from '../../src/args.ts'

describe('parseArguments', () => {
  it('runs the defaults when nothing is said', () => {
    expect(parseArguments([])).toEqual({ status: 'RUN', options: DEFAULTS })
  })

  it('takes every option, also after the separator of a package manager', () => {
    const argv =
      '-- --warehouses 2 --streams 8 --seconds 12.5 --scale 1 --seed 7 --terminals 3 --outstanding 5 --protocol paxos --data d --keep --json'
    expect(parseArguments(argv.split(' '))).toEqual({
      status: 'RUN',
      options: {
        warehouses: 2,
        streams: 8,
        seconds: 12.5,
        scale: 1,
        seed: 7,
        terminals: 3,
        outstanding: 5,
        protocol: 'paxos',
        data: 'd',
        keep: true,
        json: true,
      },
    })
  })

  it('knows --help', () => {
    expect(parseArguments(['--help'])).toEqual({ status: 'HELP' })
    for (const option of Object.keys(DEFAULTS)) expect(HELP).toContain(`--${option}`)
  })

  it.each([
    [['--warehouses', '0'], '--warehouses'],
    [['--warehouses', '1.5'], '--warehouses'],
    [['--streams', 'many'], '--streams'],
    [['--streams', ''], '--streams'],
    [['--seconds', '1'], '--seconds'],
    [['--seconds', 'Infinity'], '--seconds'],
    [['--scale', '0'], '--scale'],
    [['--scale', '1.01'], '--scale'],
    [['--seed', '-1'], '--seed'],
    [['--terminals', '100000'], '--terminals'],
    [['--protocol', 'zab'], '--protocol'],
    [['--data', ''], '--data'],
    [['--fast'], '--fast'],
    [['quickly'], 'quickly'],
  ])('refuses %j', (argv, named) => {
    const parsed = parseArguments(argv)
    expect(parsed.status).toBe('WRONG')
    expect(parsed).toHaveProperty('message', expect.stringContaining(named))
  })
})
