// Cells that answer at once with what they were given.

import { type Cell, type Sample, sample, type Subject } from '../src/cell.ts'

export interface FakeSubject extends Subject {
  readonly calls: string[]
}

export function fakeSubject(title: string, isOurs = true): FakeSubject {
  const calls: string[] = []
  const call = (what: string) => () => {
    calls.push(what)
    return Promise.resolve()
  }
  return { title, isOurs, calls, open: call('open'), warmUp: call('warm up'), close: call('close') }
}

/** `rounds`: what each round gives; a text is what it fails with. */
export function fakeCell(parts: Partial<Cell>, rounds: readonly (number | string | Partial<Sample>)[] = []): Cell {
  let round = 0
  return {
    name: 'group/what',
    system: 'mako',
    about: 'what it is',
    unit: 'things/s',
    inFlight: 64,
    bytes: 100,
    peers: [],
    subject: fakeSubject('subject'),
    overheadSeconds: 1,
    measure: () => {
      const next = rounds[round++] ?? 1
      if (typeof next === 'string') return Promise.reject(new Error(next))
      return Promise.resolve(sample(typeof next === 'number' ? { rate: next } : next))
    },
    ...parts,
  }
}
