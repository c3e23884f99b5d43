// Recording changes nothing, is bounded, and survives being written down; a timeline is for people.

import { encodeBlock, restamp, type Block } from '@mako/engine'
import { raft, type RaftMessage } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { runSeed, SimCluster } from '../src/index.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'
import { describeRaftState } from '../src/spec/raft-message.ts'
import { isOutput, type Trace, type TraceEvent } from '../src/trace/event.ts'
import { describe as described, formatTrace, parseTrace } from '../src/trace/json.ts'
import { TraceRecorder } from '../src/trace/recorder.ts'
import { renderTimeline } from '../src/trace/timeline.ts'

async function smallStory(recorder?: TraceRecorder): Promise<SimCluster<RaftMessage>> {
  const trace = recorder === undefined ? {} : { trace: recorder }
  const cluster = new SimCluster<RaftMessage>({ seed: 1, nodes: 3, protocol: () => raft(), probe: raftProbe, ...trace })
  cluster.startAll()
  expect(await cluster.runUntil(() => cluster.leader() !== undefined, 10_000)).toBe(true)
  const leader = cluster.leader()!
  leader.engine!.addLog(Uint8Array.of(1))
  leader.engine!.addLogs([Uint8Array.of(2), Uint8Array.of(3)])
  cluster.up.find(({ id }) => id !== leader.id)!.engine!.addLog(Uint8Array.of(4))
  await cluster.runFor(100)
  const join = cluster.cut([['a', 'b']])
  cluster.pause('a')
  await cluster.runFor(10)
  cluster.resume('a')
  join()
  cluster.crash(leader.id)
  await cluster.runFor(1000)
  cluster.startAll()
  cluster.heal()
  await cluster.runFor(1000)
  return cluster
}

function recorder(limit?: number): TraceRecorder {
  return new TraceRecorder({ describeState: describeRaftState, ...(limit === undefined ? {} : { limit }) })
}

describe('a recorder', () => {
  it('tells what happened, and changes nothing', async () => {
    const recording = recorder()
    const watched = await smallStory(recording)
    const unwatched = await smallStory()
    expect(watched.book.violation).toBeUndefined()
    expect(watched.book.history.toString()).toBe(unwatched.book.history.toString())
    const { events, dropped, nodes } = recording.trace()
    expect(nodes).toEqual(['a', 'b', 'c'])
    expect(dropped).toBe(0)
    const types = new Set<string>(events.map(({ type }) => type))
    for (const type of ['start', 'deliver', 'tick', 'durable', 'propose', 'write', 'send', 'role', 'commit']) {
      expect(types, type).toContain(type)
    }
    for (const type of ['apply', 'answer', 'crash', 'pause', 'resume', 'cut', 'join', 'heal']) {
      expect(types, type).toContain(type)
    }
    const answers = events.filter((event) => event.type === 'answer')
    expect(answers.map(({ status, count }) => `${status} ${count}`)).toEqual(['SUCCESS 1', 'SUCCESS 2', 'NOT_LEADER 1'])
    expect(events.every(({ at }, i) => i === 0 || at >= events[i - 1]!.at)).toBe(true)
    expect(events.filter(({ type }) => type === 'start')).toHaveLength(4)
  })

  it('leaves the history of a storm as it is', async () => {
    const options = { protocol: simRaft, probe: raftProbe, seconds: 1 } as const
    const plain = await runSeed(3, options)
    const recorded = await runSeed(3, { ...options, trace: new TraceRecorder({ limit: 100 }) })
    expect(recorded.hash).toBe(plain.hash)
  })

  it('keeps the newest events, in order', async () => {
    const all = recorder()
    const some = recorder(100)
    const one = recorder(1)
    for (const each of [all, some, one]) await smallStory(each)
    const { events } = all.trace()
    expect(some.trace()).toEqual({ nodes: ['a', 'b', 'c'], dropped: events.length - 100, events: events.slice(-100) })
    expect(one.trace().events).toEqual(events.slice(-1))
    expect(() => new TraceRecorder({ limit: 0 })).toThrow(RangeError)
  })

  it('hears nothing more of a process that has died', async () => {
    const recording = recorder()
    await smallStory(recording)
    const { events } = recording.trace()
    const crash = events.findIndex(({ type }) => type === 'crash')
    const { node } = events[crash]!
    const next = events.slice(crash + 1).find((event) => event.node === node && 'partition' in event)
    expect(next?.type).toBe('start')
  })

  it('is one event for each thing a core puts out', async () => {
    const recording = recorder()
    await smallStory(recording)
    const outputs = recording.trace().events.filter(isOutput)
    const writes = outputs.filter((event) => event.type === 'write' && event.node === 'a')
    expect(writes.length).toBeGreaterThan(1)
    expect(outputs.every((event) => !JSON.stringify(event).includes('bytes'))).toBe(true)
  })
})

describe('JSON lines', () => {
  it('give back the same trace', async () => {
    const recording = recorder(200)
    await smallStory(recording)
    const trace = recording.trace()
    const text = formatTrace(trace)
    expect(text.split('\n')).toHaveLength(202)
    expect(parseTrace(text)).toEqual(trace)
  })

  it('are refused when they are no trace', () => {
    const head = '{"type":"trace","version":1,"nodes":["a"],"dropped":0}'
    for (const text of ['', 'x', '{}', '[]', '{"type":"trace","version":2,"nodes":[]}', `${head}\nx`, `${head}\n{}`]) {
      expect(() => parseTrace(text), text).toThrow(/not a trace/)
    }
    expect(() => parseTrace(`${head}\n{"at":1,"type":"heal"}\nnull\n`)).toThrow(/line 3/)
    expect(parseTrace(`${head}\n`)).toEqual({ nodes: ['a'], dropped: 0, events: [] })
  })

  it('describe plain data', () => {
    const block = { index: 1, count: 2, term: 3, bytes: new Uint8Array(10) }
    expect(described({ blocks: [block], none: undefined, nothing: null, raw: Uint8Array.of(1, 171) })).toEqual({
      blocks: [{ index: 1, count: 2, term: 3 }],
      nothing: null,
      raw: '01ab',
    })
  })

  it('tell blocks apart without their bytes, and know copies of one block', () => {
    const make = (text: string): Block => {
      const payload = new TextEncoder().encode(text)
      return encodeBlock({ index: 4, term: 3 }, { node: 'a', incarnation: 1, sequence: 9 }, [{ kind: 'data', payload }])
    }
    const [one, copy, other] = [make('x'), restamp(make('x'), 7), make('y')].map(
      (block) => described(block) as unknown as Told,
    )
    expect(one).toMatchObject({ index: 4, count: 1, term: 3 })
    expect(one?.value).toBeTypeOf('number')
    expect(one).not.toHaveProperty('bytes')
    expect(copy).toEqual({ ...one, term: 7, proposed: 3 })
    expect(other?.value).not.toBe(one?.value)
  })
})

interface Told {
  readonly value: number
}

const a = { node: 'a', partition: 0 } as const
const b = { node: 'b', partition: 0 } as const
const append = {
  type: 'append',
  term: 3,
  previous: { index: 4, term: 2 },
  commit: 4,
  blocks: [
    { index: 5, count: 2, term: 3 },
    { index: 7, count: 3, term: 3 },
  ],
} as const

const EVENTS: readonly TraceEvent[] = [
  {
    at: 0,
    ...a,
    type: 'start',
    incarnation: 2,
    members: ['a', 'b'],
    state: { term: 2, votedFor: null },
    blocks: [{ index: 1, count: 4, term: 2 }],
  },
  { at: 12.5, ...a, type: 'tick' },
  { at: 12.5, ...a, type: 'write', write: 1, what: 'state', state: { term: 3, votedFor: 'a' } },
  { at: 12.5, ...a, type: 'role', role: 'candidate', term: 3, leader: null },
  { at: 13, ...a, type: 'role', role: 'leader', term: 3, leader: 'a' },
  { at: 13, ...a, type: 'send', to: 'b', message: append, after: 0 },
  { at: 13, ...a, type: 'send', to: 'c', message: append, after: 0 },
  { at: 13.25, node: 'a', type: 'cut', to: 'b' },
  { at: 14, ...b, type: 'deliver', from: 'a', message: append },
  { at: 14, ...b, type: 'write', write: 4, what: 'block', block: { index: 5, count: 5, term: 3 }, truncate: true },
  { at: 14, ...b, type: 'send', to: 'a', message: { type: 'append-reply', term: 3, match: 9, received: 9 }, after: 4 },
  { at: 15, ...a, type: 'commit', index: 9 },
  { at: 15, ...a, type: 'apply', index: 5, term: 3, kind: 'data', by: 'leader' },
  { at: 15, ...a, type: 'apply', index: 6, term: 3, kind: 'data', by: 'leader' },
  { at: 15, ...a, type: 'apply', index: 7, term: 3, kind: 'data', by: 'leader' },
  { at: 15, ...a, type: 'answer', status: 'SUCCESS', count: 2, index: 10, term: 3 },
  { at: 15, ...b, type: 'durable', write: 4 },
  { at: 16, node: 'b', type: 'crash' },
]

const TRACE: Trace = { nodes: ['a', 'b'], dropped: 0, events: EVENTS }

describe('a timeline', () => {
  it('has a column for each node', () => {
    expect(renderTimeline(TRACE, { width: 110 })).toMatchInlineSnapshot(`
      "         ms | a                                              | b
      ----------- | ---------------------------------------------- | ----------------------------------------------
            0.000 | START life 2, log 1..4, term 2                 |
           12.500 | write #1 term 3 votedFor a; candidate in 3     |
           13.000 | LEADER of 3                                    |
                  | -> b,c append 5..9@3 term 3 previous 4@2       |
                  |   commit 4                                     |
           13.250 | cut a -> b
           14.000 |                                                | <- a append 5..9@3 term 3 previous 4@2 commit
                  |                                                |   4; write #4 5..9@3 TRUNCATES
                  |                                                | -> a append-reply term 3 match 9 received 9
                  |                                                |   after #4
           15.000 | COMMIT 9; apply 5..7; answers SUCCESS 10..11@3 |
                  |                                                | durable #4
           16.000 |                                                | CRASH
      "
    `)
  })

  it('shows a part', () => {
    const text = renderTimeline(TRACE, { from: 14, to: 15, nodes: ['b'], partition: 0 })
    expect(text).toContain('<- a append 5..9@3 term 3 previous 4@2 commit 4')
    expect(text).not.toMatch(/LEADER|CRASH|COMMIT/)
    expect(renderTimeline(TRACE, { partition: 1 })).not.toContain('LEADER')
  })

  it('is never wider than asked for', async () => {
    const recording = recorder()
    await smallStory(recording)
    const trace = recording.trace()
    for (const width of [80, 160]) {
      const lines = renderTimeline(trace, { width }).split('\n')
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width)
    }
    expect(() => renderTimeline(trace, { width: 40 })).toThrow(RangeError)
  })

  it('says which partition when there are several, and what is missing', () => {
    const other: TraceEvent = { at: 17, node: 'a', partition: 1, type: 'commit', index: 1 }
    const text = renderTimeline({ ...TRACE, dropped: 7, events: [...EVENTS, other] })
    expect(text).toContain('1: COMMIT 1')
    expect(text).toContain('0: COMMIT 9')
    expect(text).toContain('7 earlier events')
  })
})
