// Every law has histories that break it and histories that only look as if they did: oracles are wrong as often as code.

import {
  encodeBlock,
  entriesOf,
  type AddLogResult,
  type Block,
  type Core,
  type CoreWrite,
  type Output,
  type Outcome,
  type Protocol,
} from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { HistoryHash, LawBook, Ledger, LogImage, NodeWatch, combine, hashBytes, hashText } from '../src/index.ts'

const NODES = ['a', 'b', 'c']

function block(index: number, term: number, ...payloads: number[]): Block {
  const entries = payloads.map((value) => ({ kind: 'data' as const, payload: Uint8Array.of(value) }))
  return encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: index }, entries)
}

function noop(index: number, term: number): Block {
  const empty = [{ kind: 'noop' as const, payload: new Uint8Array() }]
  return encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: 0 }, empty)
}

function image(...blocks: Block[]): LogImage {
  const log = new LogImage()
  for (const each of blocks) log.put(each, true)
  return log
}

function newBook(): LawBook {
  return new LawBook({ nodes: NODES, partitions: [0], nowMs: () => 42 })
}

/** A book in which these blocks are durable on these nodes. */
function bookWith(nodes: readonly string[], ...blocks: Block[]): LawBook {
  const book = newBook()
  for (const node of nodes) for (const each of blocks) book.partition(0).disks.get(node)!.put(each, true)
  return book
}

describe('hashes', () => {
  it('tell apart what differs, order included', () => {
    const seen = new Set<number>()
    for (let i = 0; i < 300; i++) seen.add(hashBytes(Uint8Array.of(i & 255, i >> 8, 0, 0, 7)))
    for (let i = 0; i < 300; i++) seen.add(combine(1, i))
    for (let i = 0; i < 300; i++) seen.add(hashText(`node ${i}`))
    expect(seen.size).toBe(900)
    expect(combine(combine(0, 1), 2)).not.toBe(combine(combine(0, 2), 1))
    expect(combine(0, 2 ** 40)).not.toBe(combine(0, 0))
    expect([...seen].every(Number.isSafeInteger)).toBe(true)
    expect(hashBytes(new Uint8Array(3))).not.toBe(hashBytes(new Uint8Array(4)))
  })

  it('tell histories apart', () => {
    const one = new HistoryHash()
    const other = new HistoryHash()
    one.add(1, 2, 3)
    other.add(1, 2, 3)
    expect(one.toString()).toBe(other.toString())
    other.add(1, 2, 3)
    expect(one.toString()).not.toBe(other.toString())
    expect(one.toString()).toMatch(/^[0-9a-f]{14}$/)
  })
})

describe('an image of a log', () => {
  it('has equal chains exactly where logs are equal up to there', () => {
    const one = image(block(1, 1, 10, 11), block(3, 1, 12))
    const other = image(block(1, 1, 10, 11), block(3, 2, 12))
    expect(one.chainAt(2)).toBe(other.chainAt(2))
    expect(one.chainAt(3)).not.toBe(other.chainAt(3))
    expect(one.chainAt(4)).toBeUndefined()
    expect(image(block(1, 1, 10), block(2, 1, 11)).chainAt(2)).not.toBeUndefined()
  })

  it('truncates, or leaves what follows', () => {
    const log = image(block(1, 1, 1), block(2, 1, 2), block(3, 1, 3))
    const before = log.chainAt(3)
    log.put(block(2, 1, 2), false)
    expect(log.chainAt(3)).toBe(before)
    log.put(block(2, 2, 9), true)
    expect(log.lastIndex).toBe(2)
    expect(log.termAt(2)).toBe(2)
    expect(() => log.put(block(5, 2, 9), true)).toThrow(RangeError)
    const copy = log.clone()
    copy.truncate(1)
    expect([log.lastIndex, copy.lastIndex]).toEqual([2, 0])
  })
})

describe('the book', () => {
  it('allows one leader in a term, the same one twice, and another in another term', () => {
    const book = newBook()
    book.led(0, 1, 'a')
    book.led(0, 1, 'a')
    book.led(0, 2, 'b')
    expect(book.violation).toBeUndefined()
    book.led(0, 1, 'c')
    expect(book.violation).toMatchObject({ law: 'one-leader', atMs: 42 })
    book.led(0, 2, 'c')
    expect(book.violation?.message).toContain('term 1')
  })

  it('allows one vote in a term', () => {
    const book = newBook()
    book.voted(0, 1, 'a', 'b')
    book.voted(0, 1, 'a', 'b')
    book.voted(0, 2, 'a', 'c')
    book.voted(0, 1, 'b', 'c')
    expect(book.violation).toBeUndefined()
    book.voted(0, 1, 'a', 'c')
    expect(book.violation?.law).toBe('promises-kept')
  })

  it('wants equal prefixes behind equal index and term', () => {
    const book = newBook()
    book.matches(0, 'a', image(block(1, 1, 1), block(2, 2, 2)), 2)
    book.matches(0, 'b', image(block(1, 1, 1), block(2, 3, 9)), 2)
    expect(book.violation).toBeUndefined()
    book.matches(0, 'c', image(block(1, 1, 7), block(2, 2, 2)), 2)
    expect(book.violation?.law).toBe('log-matching')
  })

  it('wants what is committed on a majority of disks', () => {
    const log = image(block(1, 1, 1))
    const claim = { image: log, commit: 1, term: 1, byCount: true }
    const good = bookWith(['b', 'c'], block(1, 1, 1))
    good.committed(0, 'a', claim)
    expect(good.violation).toBeUndefined()
    const bad = bookWith(['b'], block(1, 1, 1))
    bad.committed(0, 'a', claim)
    expect(bad.violation?.law).toBe('quorum-durable')
    const other = bookWith(['b', 'c'], block(1, 1, 9))
    other.committed(0, 'a', claim)
    expect(other.violation?.law).toBe('quorum-durable')
  })

  it('commits whole blocks', () => {
    const log = image(block(1, 1, 1), block(2, 1, 2, 3), block(4, 1, 4))
    const book = bookWith(NODES, block(1, 1, 1), block(2, 1, 2, 3), block(4, 1, 4))
    for (const commit of [1, 3, 4]) book.committed(0, 'a', { image: log, commit, term: 1, byCount: true })
    expect(book.violation).toBeUndefined()
    book.committed(0, 'b', { image: log, commit: 2, term: 1, byCount: false })
    expect(book.violation?.law).toBe('whole-blocks')
  })

  it('knows one history only', () => {
    const book = bookWith(NODES, block(1, 1, 1), block(2, 1, 2))
    book.committed(0, 'a', { image: image(block(1, 1, 1), block(2, 1, 2)), commit: 2, term: 1, byCount: true })
    book.committed(0, 'b', { image: image(block(1, 1, 1)), commit: 1, term: 1, byCount: false })
    expect(book.violation).toBeUndefined()
    book.committed(0, 'c', { image: image(block(1, 1, 9)), commit: 1, term: 1, byCount: false })
    expect(book.violation?.law).toBe('one-history')
  })

  it('lets a leader count entries of its own term only (figure 8)', () => {
    const log = image(block(1, 1, 1), block(2, 3, 2))
    const book = bookWith(NODES, block(1, 1, 1), block(2, 3, 2))
    book.committed(0, 'a', { image: log, commit: 1, term: 3, byCount: true })
    expect(book.violation?.law).toBe('own-term-commit')
    const right = bookWith(NODES, block(1, 1, 1), block(2, 3, 2))
    right.committed(0, 'a', { image: log, commit: 2, term: 3, byCount: true })
    expect(right.violation).toBeUndefined()
  })

  it('wants leaders to have what was committed before their term, and only that', () => {
    const book = bookWith(NODES, block(1, 1, 1), block(2, 5, 2))
    const log = image(block(1, 1, 1), block(2, 5, 2))
    book.committed(0, 'a', { image: log, commit: 1, term: 1, byCount: true })
    book.committed(0, 'a', { image: log, commit: 2, term: 5, byCount: true })
    // Elected late in term 4: it lawfully lacks what term 5 has committed already.
    book.complete(0, 'b', 4, image(block(1, 1, 1)))
    expect(book.violation).toBeUndefined()
    book.complete(0, 'c', 6, image(block(1, 1, 1)))
    expect(book.violation?.law).toBe('leader-completeness')
  })
})

/** A core that puts out what a test tells it to, and a watch over it. */
class Script {
  readonly book: LawBook
  readonly watch: NodeWatch<object>
  readonly protocol: Protocol<object>
  readonly #core: Core<object>
  #outputs: Output<object>[] = []
  #written: Block[] = []
  #writes = 0

  constructor(book = newBook(), term = 0) {
    this.book = book
    this.watch = new NodeWatch(book, 'a', {
      term: (message) => (message as { term?: number }).term,
      vote: (message) => (message as { vote?: number }).vote,
    })
    const core: Core<object> = {
      step: () => undefined,
      admit: () => ({ status: 'NOT_LEADER', leader: undefined, term }),
      propose: () => undefined,
      takeOutput: () => this.#outputs.shift()!,
      blockAt: () => undefined,
      status: () => ({
        role: 'follower',
        term,
        leader: undefined,
        commit: 0,
        lastIndex: 0,
        durableIndex: 0,
        peers: [],
      }),
    }
    this.protocol = this.watch.observe({
      name: 'script',
      tickMs: 1,
      electionTimeoutMs: 10,
      warnings: [],
      createCore: () => core,
      encode: () => new Uint8Array(1),
      decode: () => ({}),
    })
    const disk = book.partition(0).disks.get('a')!
    const blocks = disk.lastIndex === 0 ? [] : [{ index: 1, count: disk.lastIndex, term: 1 }]
    this.#core = this.protocol.createCore({
      partition: 0,
      nodeId: 'a',
      members: NODES,
      incarnation: 1,
      recovered: { state: undefined, blocks },
      random: { u32: () => 0 },
      limits: { inflightEntries: 1, inflightBytes: 1, messageBytes: 1, tailBytes: 1 },
      now: 0,
    })
  }

  get law(): string | undefined {
    return this.book.violation?.law
  }

  output(output: Partial<Output<object>>): this {
    const whole = { writes: [], messages: [], reads: [], roles: [], commit: 0, transfers: [], barriers: [], ...output }
    this.#outputs.push(whole)
    this.#core.takeOutput()
    return this
  }

  propose(block: Block): this {
    this.#core.propose(block)
    return this
  }

  write(written: Block, truncate = true): CoreWrite {
    this.#written.push(written)
    return { number: ++this.#writes, write: { type: 'block', block: written, truncate } }
  }

  /** These blocks are durable here and on another node: the ones that were put out, or others. */
  durable(...blocks: Block[]): this {
    for (const wanted of blocks) {
      const same = this.#written.find(({ index, term }) => index === wanted.index && term === wanted.term)
      const each = same ?? wanted
      this.watch.durable({ type: 'block', partition: 0, block: each, truncate: true })
      this.book.partition(0).disks.get('b')!.put(each, true)
    }
    return this
  }

  send(message: object): this {
    this.watch.sent('b', 0, this.protocol.encode(message))
    return this
  }
}

describe('the watch', () => {
  const leader = { role: 'leader' as const, term: 1, leader: 'a', readyIndex: 1 }

  it('sees a message that leaves before the write it promises', () => {
    const message = { term: 1 }
    const early = new Script()
    early.output({ writes: [early.write(noop(1, 1))], messages: [{ to: 'b', message, after: 1 }] }).send(message)
    expect(early.law).toBe('durable-before-sent')
    const late = new Script()
    late.output({ writes: [late.write(noop(1, 1))], messages: [{ to: 'b', message, after: 1 }] })
    late.durable(noop(1, 1)).send(message)
    expect(late.law).toBeUndefined()
    expect(new Script().send({}).law).toBe('durable-before-sent')
  })

  it('sees writes out of order, and what would leave a hole', () => {
    const script = new Script()
    script.write(noop(1, 1))
    expect(script.output({ writes: [script.write(noop(1, 1))] }).law).toBe('durable-before-sent')
    const hole = new Script()
    expect(hole.output({ writes: [hole.write(noop(2, 1))] }).law).toBe('committed-kept')
  })

  it('sees blocks that are written in another order than they were put out', () => {
    const script = new Script()
    script.output({ writes: [script.write(noop(1, 1)), script.write(noop(1, 2))] })
    expect(script.durable(noop(1, 2)).law).toBe('durable-before-sent')
  })

  it('sees a commit that goes back, or beyond the log', () => {
    const beyond = new Script()
    expect(beyond.output({ commit: 1 }).law).toBe('commit-monotone')
    const back = new Script()
    back.output({ writes: [back.write(noop(1, 1))] }).durable(noop(1, 1))
    expect(back.output({ commit: 1 }).law).toBeUndefined()
    expect(back.output({ commit: 0 }).law).toBe('commit-monotone')
  })

  it('sees a rewrite of what is committed, in the core and on the disk', () => {
    const script = new Script()
    script
      .output({ writes: [script.write(noop(1, 1))] })
      .durable(noop(1, 1))
      .output({ commit: 1 })
    expect(script.law).toBeUndefined()
    const { write } = script.write(noop(1, 2))
    expect(script.output({ commit: 1, writes: [{ number: 2, write }] }).law).toBe('committed-kept')
    const disk = new Script()
    disk
      .output({ writes: [disk.write(noop(1, 1))] })
      .durable(noop(1, 1))
      .output({ commit: 1 })
    expect(disk.durable(noop(1, 2)).law).toBe('committed-kept')
  })

  it.each([
    [undefined, 'a majority keeps it', true, false],
    ['committed-kept', 'no majority keeps it', false, false],
    [undefined, 'a disk was lost before', false, true],
  ])('%s: a follower of a deposed leader gives up what others have committed; %s', (law, _, isKept, isLost) => {
    const script = new Script()
    script.output({ writes: [script.write(noop(1, 1))] }).durable(noop(1, 1))
    const { disks, lost } = script.book.partition(0)
    const claim = { image: disks.get('b')!, commit: 1, term: 1, byCount: false }
    script.book.committed(0, 'b', claim)
    if (isKept) disks.get('c')!.put(noop(1, 1), true)
    if (isLost) lost.add('c')
    expect(script.output({ writes: [script.write(noop(1, 2))] }).durable(noop(1, 2)).law).toBe(law)
  })

  it('lets a follower truncate what is not committed, and a leader nothing', () => {
    const follower = new Script()
    follower.output({ writes: [follower.write(noop(1, 1))] })
    expect(follower.output({ writes: [follower.write(noop(1, 2))] }).law).toBeUndefined()
    const own = new Script()
    own.output({ writes: [own.write(noop(1, 1))], roles: [leader] })
    expect(own.output({ writes: [own.write(noop(1, 1))] }).law).toBe('leader-append-only')
  })

  it('sees a term that falls, in one life and over a restart', () => {
    const script = new Script()
    script.output({ roles: [{ ...leader, term: 3 }] })
    expect(script.output({ roles: [{ ...leader, role: 'follower', term: 2 }] }).law).toBe('promises-kept')

    const book = newBook()
    const before = new Script(book, 5)
    const message = { term: 5 }
    before.output({ writes: [before.write(noop(1, 5))], messages: [{ to: 'b', message, after: 1 }] })
    before.durable(noop(1, 5)).send(message)
    expect(new Script(book, 5).law).toBeUndefined()
    expect(new Script(book, 4).law).toBe('promises-kept')
  })

  it('sees two votes over two lives', () => {
    const book = newBook()
    for (const [to, law] of [
      ['b', undefined],
      ['c', 'promises-kept'],
    ] as const) {
      const life = new Script(book)
      const message = { vote: 3 }
      life.output({ messages: [{ to, message, after: 0 }] })
      life.watch.sent(to, 0, life.protocol.encode(message))
      expect(life.law).toBe(law)
    }
  })

  /** What is proposed by this life, and applied; without `own`, by an earlier life with the same number. */
  const applied = (own = true): Script => {
    const script = new Script()
    const blocks = [noop(1, 1), block(2, 1, 5, 6)]
    if (own) script.propose(blocks[1]!)
    script.output({ writes: blocks.map((each) => script.write(each)) }).durable(...blocks)
    return script.output({ commit: 3 })
  }

  it('lets entries be applied in order, protocol entries left out, a failed one again', () => {
    const script = applied()
    const [first, second] = entriesOf(block(2, 1, 5, 6), 0)
    script.watch.applying(first!, 'leader')
    script.watch.finished(first!, script.watch.applying(first!, 'leader'))
    script.watch.finished(second!, script.watch.applying(second!, 'leader'))
    expect(script.law).toBeUndefined()
    expect(script.watch.applied(0)).toBe(3)
    expect(script.book.counters['applied']).toBe(2)
  })

  it('sees entries skipped, repeated, changed, early, or given to the wrong callback', () => {
    const [first, second] = entriesOf(block(2, 1, 5, 6), 0)
    const skipped = applied()
    skipped.watch.applying(second!, 'leader')
    expect(skipped.law).toBe('applied-in-order')
    const repeated = applied()
    repeated.watch.finished(first!, repeated.watch.applying(first!, 'leader'))
    repeated.watch.applying(first!, 'leader')
    expect(repeated.law).toBe('applied-in-order')
    const changed = applied()
    changed.watch.applying({ ...first!, payload: Uint8Array.of(99) }, 'leader')
    expect(changed.law).toBe('one-history')
    const early = new Script()
    early.watch.applying({ ...first!, index: 1 }, 'leader')
    expect(early.law).toBe('one-history')
    const wrong = applied()
    wrong.watch.applying(first!, 'follower')
    expect(wrong.law).toBe('callback-by-origin')
    const ofAnotherLife = applied(false)
    ofAnotherLife.watch.applying(first!, 'leader')
    expect(ofAnotherLife.law).toBe('callback-by-origin')
    const foreign = applied()
    foreign.watch.applying({ ...first!, origin: { ...first!.origin, incarnation: 2 } }, 'leader')
    expect(foreign.law).toBe('one-history')
  })

  it('sees leadership announced too early', () => {
    const script = applied()
    script.output({ commit: 3, roles: [{ ...leader, readyIndex: 3 }] })
    script.watch.announced(0, 1)
    expect(script.law).toBe('announced-when-ready')
  })
})

describe('the ledger', () => {
  const payloads = [5, 6].map((value) => Uint8Array.of(value))
  const keys = payloads.map(hashBytes)
  const call = { keys, node: 'a', partition: 0 }

  /** A ledger over a log in which these payloads are committed from index 1 on. */
  function ledgerOver(...values: number[]): { book: LawBook; ledger: Ledger } {
    const book = values.length === 0 ? newBook() : bookWith(NODES, block(1, 1, ...values))
    if (values.length > 0) {
      const log = image(block(1, 1, ...values))
      book.committed(0, 'a', { image: log, commit: values.length, term: 1, byCount: true })
    }
    return { book, ledger: new Ledger(book) }
  }

  function accepted(outcome: Promise<Outcome>, index = 1): AddLogResult {
    return { status: 'SUCCESS', partition: 0, index, count: 2, term: 1, outcome }
  }

  it('is content with the truth', async () => {
    const { book, ledger } = ledgerOver(5, 6)
    ledger.note(call, accepted(Promise.resolve({ status: 'APPLIED', index: 1, value: keys })), () => true)
    await Promise.resolve()
    ledger.confirm(keys, 0, { status: 'APPLIED', index: 1, value: undefined })
    ledger.check()
    expect(book.violation).toBeUndefined()
    expect(ledger.open).toBe(0)
    expect(book.counters['outcome APPLIED']).toBe(1)
  })

  it('waits for answers of engines that run, and of no others', () => {
    const { book, ledger } = ledgerOver()
    const never = new Promise<Outcome>(() => undefined)
    let alive = true
    ledger.note(call, accepted(never), () => alive)
    expect(ledger.open).toBe(1)
    alive = false
    expect(ledger.open).toBe(0)
    ledger.check()
    expect(book.violation).toBeUndefined()
    ledger.note(call, accepted(never), () => true)
    ledger.check()
    expect(book.violation?.message).toContain('never answered')
  })

  const lies: readonly (readonly [name: string, committed: readonly number[], outcome: Outcome, index?: number])[] = [
    ['APPLIED and nowhere', [], { status: 'APPLIED', index: 1, value: keys }],
    ['APPLIED and elsewhere', [9, 5, 6], { status: 'APPLIED', index: 1, value: keys }],
    ['APPLIED with the value of another', [5, 6], { status: 'APPLIED', index: 1, value: [...keys].reverse() }],
    ['LOST and there', [5, 6], { status: 'LOST', by: { term: 2 } }],
    ['there twice', [5, 6, 5], { status: 'APPLIED', index: 1, value: keys }],
  ]
  for (const [name, committed, outcome, index] of lies) {
    it(`sees a lie: ${name}`, async () => {
      const { book, ledger } = ledgerOver(...committed)
      ledger.note(call, accepted(Promise.resolve(outcome), index), () => true)
      await Promise.resolve()
      ledger.check()
      expect(book.violation?.law).toBe('answers')
    })
  }

  it('sees a refused call that was executed, and a late answer that is wrong', () => {
    const refused = ledgerOver(5, 6)
    refused.ledger.note(call, { status: 'BUSY', reason: 'disk', retryAfterMs: 1 }, () => true)
    refused.ledger.check()
    expect(refused.book.violation?.message).toContain('BUSY')
    const late = ledgerOver(5, 6)
    late.ledger.confirm(keys, 0, { status: 'LOST', by: { term: 2 } })
    late.ledger.check()
    expect(late.book.violation?.law).toBe('answers')
  })

  it('sees an entry that stands before one that was answered earlier', async () => {
    const { book, ledger } = ledgerOver(7, 5, 6, 8)
    const one = (key: number, index: number): void => {
      const outcome: Promise<Outcome> = Promise.resolve({ status: 'APPLIED', index, value: key })
      const result: AddLogResult = { status: 'SUCCESS', partition: 0, index, count: 1, term: 1, outcome }
      ledger.note({ keys: [key], node: 'a', partition: 0 }, result, () => true)
    }
    one(hashBytes(Uint8Array.of(8)), 4)
    await Promise.resolve()
    expect(book.violation).toBeUndefined()
    one(hashBytes(Uint8Array.of(7)), 1)
    await Promise.resolve()
    expect(book.violation?.message).toContain('stands before it')
  })
})
