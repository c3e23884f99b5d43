// Storms in virtual time: loss, repetition, cuts, kills, and clients that ask another node the same again. What they were
// answered must be linearizable, transactions strictly serializable, and every add counted once.

import { below, seededRandom, uniform, type Random } from '@mako/engine'
import { checkLinearizable, checkSerializable, type KeyOperation, type TransactionEvent } from '@mako/testkit'
import { describe, expect, it } from 'vitest'
import type { Body } from '../src/message.ts'
import { Bench } from './bench.ts'

const STORM_MS = 8_000
const CLIENTS = 6
const SEEDS = Number(process.env.MAELSTROM_SEEDS ?? 1)

interface Storm {
  readonly bench: Bench
  readonly random: Random
  isOver: boolean
}

/** Clients run until the storm is over; then the network heals, and everybody is up. */
async function storm(
  protocol: 'raft' | 'paxos',
  seed: number,
  client: (storm: Storm, number: number) => Promise<void>,
): Promise<Bench> {
  const random = seededRandom(seed)
  const nodes = below(random, 2) === 0 ? 3 : 5
  const bench = await Bench.start({
    nodes,
    protocol,
    seed,
    lossRate: uniform(random, 0, 0.1),
    repeatRate: uniform(random, 0, 0.1),
    latencyMs: [1, uniform(random, 2, 100)],
  })
  const world: Storm = { bench, random, isOver: false }
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(world, number + 1))
  const endMs = bench.time.nowMs + STORM_MS
  while (bench.time.nowMs < endMs) {
    await bench.time.runFor(uniform(random, 200, 2_500))
    const id = bench.ids[below(random, nodes)]!
    switch (below(random, 5)) {
      case 0:
        bench.partition(
          [id],
          bench.ids.filter((other) => other !== id),
        )
        break
      case 1: {
        const cut = 1 + below(random, nodes - 1)
        bench.partition(bench.ids.slice(0, cut), bench.ids.slice(cut))
        break
      }
      case 2:
        bench.kill(id)
        bench.time.schedule(uniform(random, 10, 3_000), () => bench.revive(id))
        break
      default:
        bench.heal()
    }
  }
  world.isOver = true
  bench.heal()
  await bench.time.runFor(4_000)
  for (const id of bench.ids) bench.revive(id)
  await bench.wait(Promise.all(clients), 60_000)
  return bench
}

/** Asks a node, and the next one the same when there is no answer; undefined when it is not known what came of it. */
async function ask({ bench, random }: Storm, body: object, client: string): Promise<Body | undefined> {
  const first = below(random, bench.ids.length)
  const asked = bench.ask(bench.ids[first]!, { ...body }, client)
  const id = bench.lastId(client)
  const again = bench.time.schedule(800, () => {
    const line = JSON.stringify({
      src: client,
      dest: bench.ids[(first + 1) % bench.ids.length],
      body: { ...body, msg_id: id },
    })
    bench.feed(bench.ids[(first + 1) % bench.ids.length]!, line)
  })
  const late = new Promise<undefined>((resolve) => bench.time.schedule(5_500, () => resolve(undefined)))
  const answer = (await Promise.race([asked, late]))?.body
  const wasRepeated = again.run === undefined
  bench.time.cancel(again)
  if (answer?.type === 'error' && (answer.code === 0 || answer.code === 13)) return undefined
  // What one node has refused, the other may have done.
  if (answer?.type === 'error' && answer.code === 11 && wasRepeated) return undefined
  return answer
}

const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1)

describe.each(['raft', 'paxos'] as const)('storms over %s', (protocol) => {
  it.each(seeds)('lin-kv is linearizable, seed %i', async (seed) => {
    const history: KeyOperation[] = []
    let unique = 0
    await storm(protocol, seed, async (world, number) => {
      const { bench, random } = world
      for (let client = number; !world.isOver; ) {
        const key = String(below(random, 3))
        const call = bench.time.nowMs
        const value = String(++unique)
        const expected = String(Math.max(1, unique - below(random, 12)))
        const op = (['get', 'put', 'cas'] as const)[below(random, 3)]!
        const body = {
          get: { type: 'read', key },
          put: { type: 'write', key, value },
          cas: { type: 'cas', key, from: expected, to: value },
        }[op]
        const answer = await ask(world, body, `c${client}`)
        const asked = {
          client,
          key,
          call,
          op,
          ...(op === 'put' ? { in: value } : op === 'cas' ? { in: expected, in2: value } : {}),
        }
        if (answer === undefined) {
          history.push({ ...asked, status: 'info' })
          client += CLIENTS
          continue
        }
        const ret = bench.time.nowMs
        if (answer.code === 11) history.push({ ...asked, ret, status: 'fail' })
        else if (op === 'get') {
          const seen = answer.code === 20 ? {} : { out: answer.value as string }
          history.push({ ...asked, ret, status: 'ok', ...seen })
        } else history.push({ ...asked, ret, status: 'ok', ...(op === 'cas' ? { ok: answer.type === 'cas_ok' } : {}) })
        await new Promise<void>((resolve) => bench.time.schedule(uniform(random, 0, 100), resolve))
      }
    })
    const result = checkLinearizable(history)
    expect(result.verdict, 'explanation' in result ? result.explanation : '').toBe('valid')
    expect(history.filter(({ status }) => status === 'ok').length).toBeGreaterThan(10)
  })

  it.each(seeds)('list-append is strictly serializable, seed %i', async (seed) => {
    const events: TransactionEvent[] = []
    let unique = 0
    await storm(protocol, seed, async (world, number) => {
      const { bench, random } = world
      for (let process = number; !world.isOver; ) {
        const asked = Array.from({ length: 1 + below(random, 4) }, () => {
          const key = String(below(random, 4))
          return below(random, 2) === 0 ? (['r', key, null] as const) : (['append', key, ++unique] as const)
        })
        events.push({ type: 'invoke', process, time: bench.time.nowMs, value: asked })
        const answer = await ask(world, { type: 'txn', txn: asked }, `c${process}`)
        const time = bench.time.nowMs
        if (answer === undefined) {
          events.push({ type: 'info', process, time, value: asked })
          process += CLIENTS
        } else if (answer.type === 'error') events.push({ type: 'fail', process, time, value: asked })
        else {
          const filled = answer.txn as unknown as TransactionEvent['value']
          events.push({ type: 'ok', process, time, value: filled })
        }
        await new Promise<void>((resolve) => bench.time.schedule(uniform(random, 0, 100), resolve))
      }
    })
    const result = checkSerializable(events)
    expect(result.verdict, JSON.stringify(result).slice(0, 2000)).toBe('valid')
    expect(events.filter(({ type }) => type === 'ok').length).toBeGreaterThan(10)
  })

  it.each(seeds)('each add counts once, and offsets have no holes, seed %i', async (seed) => {
    let certain = 0
    let possible = 0
    const offsets = new Map<number, number>()
    let unique = 0
    const bench = await storm(protocol, seed, async (world, number) => {
      for (let client = number; !world.isOver; ) {
        const isSend = below(world.random, 2) === 0
        const msg = ++unique
        const answer = await ask(
          world,
          isSend ? { type: 'send', key: 'k', msg } : { type: 'add', delta: 1 },
          `c${client}`,
        )
        if (answer === undefined) client += CLIENTS
        if (isSend && answer?.type === 'send_ok') {
          expect(offsets.has(answer.offset as number)).toBe(false)
          offsets.set(answer.offset as number, msg)
        }
        if (isSend) continue
        if (answer === undefined) possible++
        else if (answer.type === 'add_ok') certain++
        else expect(answer.code).toBe(11)
      }
    })
    const values = new Set<unknown>()
    const logs = new Set<string>()
    for (const id of bench.ids) {
      values.add((await bench.insist(id, { type: 'read' }, 'clast')).value)
      const log: [number, number][] = []
      for (;;) {
        const { msgs } = await bench.insist(id, { type: 'poll', offsets: { k: log.length } }, 'clast')
        const page = (msgs as unknown as { k: [number, number][] }).k
        if (page.length === 0) break
        log.push(...page)
      }
      log.forEach(([offset], i) => expect(offset).toBe(i))
      expect(new Set(log.map(([, msg]) => msg)).size).toBe(log.length)
      for (const [offset, msg] of offsets) expect(log[offset]).toEqual([offset, msg])
      logs.add(JSON.stringify(log))
    }
    expect([values.size, logs.size]).toEqual([1, 1])
    const [value] = values as Set<number>
    expect(value).toBeGreaterThanOrEqual(certain)
    expect(value).toBeLessThanOrEqual(certain + possible)
    expect(certain).toBeGreaterThan(10)
  })
})
