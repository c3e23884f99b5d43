// The kv workload: storms over databases find nothing, and the oracle finds what is planted.

import { encodeBlock } from '@mako/engine'
import type { RaftMessage } from '@mako/raft'
import type { DatabaseOptions } from '@mako/store/kv'
import { createShard, type StateMachine } from '@mako/watermark'
import { describe, expect, it } from 'vitest'
import { hashBytes, LawBook, LogImage, runSeed, type SeedResult, type WorkloadFactory } from '../src/index.ts'
import { fitForDatabases, kvWorkload, kvWorkloadOver } from '../src/node/kv.ts'
import { KvHistory, type Executed } from '../src/node/kv-history.ts'
import { markOf, marksIn, placeOf, SerialMachine, textOf, type Step } from '../src/node/kv-model.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'

function storm(seed: number, workload: WorkloadFactory = kvWorkload, seconds = 4): Promise<SeedResult> {
  return runSeed<RaftMessage>(seed, {
    protocol: simRaft,
    fit: fitForDatabases,
    probe: raftProbe,
    seconds,
    workload,
  })
}

describe('databases in storms', () => {
  it('keep what they promise, and the interesting things happen', async () => {
    const totals: Record<string, number> = {}
    for (let seed = 1; seed <= 24; seed++) {
      const { violation, counters } = await storm(seed)
      expect(violation, `seed ${seed}`).toBeUndefined()
      for (const [name, count] of Object.entries(counters)) totals[name] = (totals[name] ?? 0) + count
    }
    const mustHappen = [
      'kv: SUCCESS',
      'kv: ABORTED drawn',
      'kv: BUSY recovering',
      'kv: became SAFE',
      'kv: became ROLLED_BACK',
      'kv: closed epochs',
      'kv: dropped transactions',
      'kv: loading in a later epoch',
      'kv: read again for replay',
      'kv: safe reads',
    ]
    expect(mustHappen.filter((name) => !(totals[name]! > 0))).toEqual([])
  }, 120_000)

  it('have one history for each seed', async () => {
    for (const seed of [7, 8]) expect(await storm(seed)).toEqual(await storm(seed))
  })
})

type MakeShard = NonNullable<DatabaseOptions['shard']>

function over(change: (machine: StateMachine) => Partial<StateMachine>): MakeShard {
  return (options) => {
    const { machine } = options
    return createShard({
      ...options,
      machine: {
        replay: (transaction, stamp, epoch) => machine.replay(transaction, stamp, epoch),
        rollBack: (epoch, finalWatermark) => machine.rollBack(epoch, finalWatermark),
        settle: (watermark) => machine.settle(watermark),
        ...change(machine),
      },
    })
  }
}

const LIARS: readonly (readonly [name: string, shard: MakeShard])[] = [
  ['rolls nothing back', over(() => ({ rollBack: () => undefined }))],
  ['rolls back what was safe', over((machine) => ({ rollBack: (epoch) => machine.rollBack(epoch, 0) }))],
  ['shows what is not safe yet', over((machine) => ({ settle: (watermark) => machine.settle(watermark + 2) }))],
  [
    'loses a transaction in replay',
    over((machine) => ({
      replay: (transaction, stamp, epoch) => {
        if (stamp % 10 !== 0) machine.replay(transaction, stamp, epoch)
      },
    })),
  ],
  [
    'calls everything safe at once',
    (options) => {
      const shard = createShard(options)
      shard.settled = (epoch, stamp) => Promise.resolve({ status: 'SAFE', epoch, stamp: [stamp] })
      return shard
    },
  ],
  [
    'never answers',
    (options) => {
      const shard = createShard(options)
      shard.settled = () => new Promise(() => undefined)
      return shard
    },
  ],
]

describe('a shard that lies is caught', () => {
  for (const [name, shard] of LIARS) {
    it(name, async () => {
      let violation: SeedResult['violation']
      for (let seed = 1; seed <= 40 && violation === undefined; seed++) {
        violation = (await storm(seed, kvWorkloadOver(shard))).violation
      }
      expect(['workload', 'liveness', 'engine-fault']).toContain(violation?.law)
    }, 60_000)
  }
})

describe('the serial machine', () => {
  const one = { value: 1, note: null, writer: 1 }
  const row = textOf.register(one)

  it('says what should have been seen', () => {
    const machine = new SerialMachine()
    const place = placeOf.register(3)
    expect(machine.take({ type: 'read', place, saw: undefined })).toBeUndefined()
    expect(machine.take({ type: 'read', place, saw: row })).toContain('register 3')
    expect(machine.take({ type: 'write', place, row })).toBeUndefined()
    expect(machine.take({ type: 'read', place, saw: row })).toBeUndefined()
    expect(machine.dump()).toBe(`register 3: ${row}`)
    expect(machine.take({ type: 'write', place, row: undefined })).toBeUndefined()
    expect(machine.dump()).toBe('')
  })

  it('scans in key order, within bounds, and backwards', () => {
    const machine = new SerialMachine()
    const item = textOf.item({ value: 1, writer: 1 })
    for (const key of [
      { group: 1, name: 'b' },
      { group: 0, name: 'é' },
      { group: 1, name: 'ba' },
      { group: 1, name: '' },
    ]) {
      machine.take({ type: 'write', place: placeOf.item(key), row: item })
    }
    const scanned = (range: Extract<Step, { type: 'scan' }>['range'], saw: readonly string[]): string | undefined =>
      machine.take({ type: 'scan', range, saw: saw.map((key) => `${key}: ${item}`) })
    expect(scanned({}, ['0 é', '1 ', '1 b', '1 ba'])).toBeUndefined()
    expect(scanned({ prefix: { group: 1 }, reverse: true, limit: 2 }, ['1 ba', '1 b'])).toBeUndefined()
    expect(scanned({ from: { group: 1, name: 'a' }, to: { group: 1, name: 'b' } }, ['1 b'])).toBeUndefined()
    expect(scanned({ limit: 0 }, [])).toBeUndefined()
    expect(scanned({}, ['0 é', '1 b', '1 ba'])).toContain('a scan')
  })

  it('finds marks in bytes, and nothing else', () => {
    const bytes = new TextEncoder().encode(`x@@${markOf(12)}@0000001@${markOf(34)}`)
    expect(marksIn(bytes)).toEqual([12, 34])
  })
})

/** A history over one partition, in which transactions can be committed or not. */
class Case {
  readonly book = new LawBook({ nodes: ['a'], partitions: [0], nowMs: () => 0 })
  readonly history = new KvHistory(this.book)
  readonly #by = { node: 'a', life: 1 }
  readonly #image = new LogImage()

  get message(): string {
    return this.book.violation?.message ?? ''
  }

  /** Executes a write of register 0; without `saw` it is blind. */
  write(id: number, stamp: number, options: { saw?: string; sources?: number[]; epoch?: number } = {}): Executed {
    const { saw, sources = [], epoch = 1 } = options
    const place = placeOf.register(0)
    const steps: Step[] = [{ type: 'write', place, row: this.row(id) }]
    if (saw !== undefined) steps.unshift({ type: 'read', place, saw })
    const transaction: Executed = {
      id,
      by: this.#by,
      epoch,
      stamp,
      wrote: true,
      steps,
      sources: new Set(sources),
      floor: this.history.floor,
      fate: 'open',
    }
    this.history.executed(transaction)
    return transaction
  }

  row(id: number): string {
    return textOf.register({ value: id, note: null, writer: id })
  }

  commit(id: number): void {
    const payload = new TextEncoder().encode(markOf(id))
    const index = this.#image.lastIndex + 1
    const origin = { node: 'a', incarnation: 1, sequence: index }
    this.#image.put(encodeBlock({ index, term: 1 }, origin, [{ kind: 'data', payload }]), true)
    this.history.logged(id, { partition: 0, index, key: hashBytes(payload) })
    this.book.partition(0).committed.append(this.#image, index)
  }

  judge(ids: readonly number[], newest: number): string {
    this.history.judge(new Set(ids), `register 0: ${this.row(newest)}`)
    return this.message
  }
}

describe('the oracle', () => {
  it('accepts a serial history', () => {
    const each = new Case()
    const first = each.write(1, 1)
    const second = each.write(2, 2, { saw: each.row(1), sources: [1] })
    each.commit(1)
    each.commit(2)
    each.history.settled(first, 'SAFE')
    each.history.settled(second, 'SAFE')
    each.history.safeRead({
      by: first.by,
      watermark: 1,
      rows: `register 0: ${each.row(1)}`,
      marks: [1],
    })
    expect(each.judge([1, 2], 2)).toBe('')
  })

  it('finds a safe transaction that is gone', () => {
    const each = new Case()
    each.commit(1)
    each.history.settled(each.write(1, 1), 'SAFE')
    each.history.judge(new Set(), '')
    expect(each.message).toContain('reported safe, and is not there')
  })

  it('finds one that is rolled back and there', () => {
    const each = new Case()
    each.commit(1)
    each.history.settled(each.write(1, 1), 'ROLLED_BACK')
    expect(each.judge([1], 1)).toContain('reported rolled back, and is there')
  })

  it('finds one that is exposed before it, or what it has read, is committed', () => {
    const alone = new Case()
    alone.history.settled(alone.write(1, 1), 'SAFE')
    expect(alone.message).toContain('before its entry was committed')
    const dependent = new Case()
    dependent.write(1, 1)
    const second = dependent.write(2, 2, { saw: dependent.row(1), sources: [1] })
    dependent.commit(2)
    dependent.history.settled(second, 'SAFE')
    expect(dependent.message).toContain('transaction 1 was reported safe before')
  })

  it('finds a read of what was not there', () => {
    const each = new Case()
    each.write(1, 1)
    each.write(2, 2, { saw: each.row(9) })
    each.commit(1)
    each.commit(2)
    expect(each.judge([1, 2], 2)).toContain('is kept, but')
  })

  it('finds a safe read that is not a prefix', () => {
    const each = new Case()
    const { by } = each.write(1, 1)
    each.commit(1)
    each.history.safeRead({ by, watermark: 0, rows: `register 0: ${each.row(1)}`, marks: undefined })
    expect(each.judge([1], 1)).toContain('is not the serial state')
  })

  it('finds replicas that disagree about the end of an epoch, and transactions on the wrong side of it', () => {
    const each = new Case()
    const { by } = each.write(1, 5)
    each.history.closed(by, 1, 4)
    each.history.closed({ node: 'b', life: 1 }, 1, 5)
    expect(each.message).toContain('closed epoch 1 at 4')
    const beyond = new Case()
    beyond.history.closed(beyond.write(1, 5).by, 1, 4)
    beyond.commit(1)
    expect(beyond.judge([1], 1)).toContain('there, and its epoch ended at 4')
  })

  it('finds a transaction that is ordered before one that was safe before it began', () => {
    const each = new Case()
    each.commit(1)
    each.commit(2)
    each.history.settled(each.write(1, 7), 'SAFE')
    each.write(2, 6)
    expect(each.judge([1, 2], 1)).toContain('is ordered before')
  })

  it('finds what was given up, and what was logged twice', () => {
    const each = new Case()
    each.history.abandoned(1)
    expect(each.judge([1], 1)).toContain('was given up, and is there')
    const twice = new Case()
    twice.commit(1)
    twice.commit(1)
    expect(twice.message).toContain('logged twice')
  })
})
