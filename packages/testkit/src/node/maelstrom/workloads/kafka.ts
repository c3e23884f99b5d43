// `kafka`: clients send unique messages, poll on from where they are, commit what they have polled and ask what is
// committed; in the end every node is polled from the beginning of every key.

import type { Random } from '@mako/engine'
import { below } from '@mako/engine'
import { chance, pick } from '../../../world/random.ts'
import { checkKafka, pairsOf } from '../checks/kafka.ts'
import type { Verdict } from '../checks/findings.ts'
import { formatOperations, type Operation } from '../history.ts'
import { isObject, type Body } from '../protocol.ts'
import { chunksOf, Keys } from './keys.ts'
import type { FinalReads, Workload } from './workload.ts'

const ACTIVE_KEYS = 4
const MESSAGES_A_KEY = 250
/** Keys in one final poll. */
const KEYS_A_POLL = 20

export class KafkaWorkload implements Workload {
  readonly name = 'kafka'
  readonly topology = false
  readonly answers: readonly number[] = []
  readonly #keys = new Keys(ACTIVE_KEYS, MESSAGES_A_KEY)
  /** By client and key: the offset that comes next. */
  readonly #positions = new Map<number, Map<string, number>>()
  #messages = 0

  next(random: Random, client: number): Body {
    const positions = this.#positionsOf(client)
    const kind = pick(random, ['send', 'send', 'send', 'send', 'poll', 'poll', 'poll', 'commit', 'list'] as const)
    const polled = [...positions].filter(([, next]) => next > 0)
    if (kind === 'send' || (kind === 'commit' && polled.length === 0)) {
      return { type: 'send', key: String(this.#keys.draw(random)), msg: ++this.#messages }
    }
    const active = this.#keys.active.map(String)
    switch (kind) {
      case 'poll': {
        // Sometimes a client begins again, as one does that has moved to another place.
        const start = chance(random, 0.05) ? 0 : undefined
        const first = below(random, active.length)
        const keys = active.slice(first, first + 1 + below(random, 3))
        for (const key of keys) positions.set(key, start ?? positions.get(key) ?? 0)
        return { type: 'poll', offsets: Object.fromEntries(keys.map((key) => [key, positions.get(key)])) }
      }
      case 'commit': {
        const keys = polled.slice(-3)
        return { type: 'commit_offsets', offsets: Object.fromEntries(keys.map(([key, next]) => [key, next - 1])) }
      }
      case 'list':
        return { type: 'list_committed_offsets', keys: active }
    }
  }

  ended({ request, reply, status }: Operation, client: number): void {
    if (request.type !== 'poll' || status !== 'ok') return
    const positions = this.#positionsOf(client)
    for (const [key, next] of nextOffsets(reply)) positions.set(key, Math.max(next, positions.get(key) ?? 0))
  }

  async finish({ nodes, ask, again }: FinalReads, history: readonly Operation[]): Promise<void> {
    const keys = this.#keys.all.map(String)
    const wanted = acknowledgedIn(history)
    await Promise.all(
      nodes.map(async (node) => {
        if ((await ask(node, { type: 'list_committed_offsets', keys })) === undefined) return
        for (const chunk of chunksOf(keys, KEYS_A_POLL)) await readAll(node, chunk, wanted, ask, again)
      }),
    )
  }

  check(history: readonly Operation[], nodes: readonly string[]): Verdict {
    return checkKafka(history, nodes)
  }

  format(history: readonly Operation[]): string {
    return formatOperations(history)
  }

  #positionsOf(client: number): Map<string, number> {
    let positions = this.#positions.get(client)
    if (positions === undefined) this.#positions.set(client, (positions = new Map<string, number>()))
    return positions
  }
}

/** Polls until nothing is left, and as long as something that was acknowledged is missing and there is time. */
async function readAll(
  node: string,
  keys: readonly string[],
  wanted: ReadonlyMap<string, number>,
  ask: FinalReads['ask'],
  again: FinalReads['again'],
): Promise<void> {
  const positions = new Map(keys.map((key) => [key, 0]))
  for (;;) {
    const reply = await ask(node, { type: 'poll', offsets: Object.fromEntries(positions) })
    if (reply === undefined) return
    let moved = false
    for (const [key, next] of nextOffsets(reply)) {
      if (next <= (positions.get(key) ?? Infinity)) continue
      positions.set(key, next)
      moved = true
    }
    if (moved) continue
    const isThere = keys.every((key) => positions.get(key)! > (wanted.get(key) ?? -1))
    if (isThere || !(await again())) return
  }
}

/** By key, the offset behind the last that a poll has answered. */
function nextOffsets(reply: Body | undefined): readonly (readonly [key: string, next: number])[] {
  const messages = reply?.['msgs']
  if (!isObject(messages)) return []
  return Object.entries(messages).map(([key, list]) => {
    const offsets = (pairsOf(list) ?? []).map(([offset]) => offset)
    return [key, offsets.reduce((next, offset) => Math.max(next, offset + 1), 0)] as const
  })
}

/** By key, the highest offset that was acknowledged. */
function acknowledgedIn(history: readonly Operation[]): ReadonlyMap<string, number> {
  const highest = new Map<string, number>()
  for (const { request, reply, status } of history) {
    const offset = reply?.['offset']
    if (request.type !== 'send' || status !== 'ok' || typeof offset !== 'number') continue
    const key = String(request['key'])
    highest.set(key, Math.max(offset, highest.get(key) ?? -1))
  }
  return highest
}
