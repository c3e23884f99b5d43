// What a message promises is on the disk of its sender when it leaves, whatever write the message names: over random
// schedules with slow disks, crashes and duels.

import { below, lastIndexOf } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { decodeHardState } from '../src/codec.ts'
import { Cluster, type Envelope } from './cluster.ts'

const SEEDS = 60

/** Law 3 for each kind of message. */
function checkPromise(cluster: Cluster, { from, message }: Envelope): string {
  const { state, blocks } = cluster.node(from)
  const promised = state === undefined ? 0 : decodeHardState(state).promised
  const { type } = message
  const where = `${type} of ${from} in ballot ${message.ballot}`
  // A probe is for a ballot that nobody has promised yet; a learner has none of its own.
  if (type !== 'probe' && message.ballot > promised) throw new Error(`${where}: durable is ${promised}`)
  if (type === 'promise') {
    for (const told of message.blocks) {
      // It may have been replaced since: by what was accepted in a higher ballot.
      const isKept = blocks.some((block) =>
        block.index === told.index && block.count === told.count
          ? block.term >= told.term
          : block.term > told.term && block.index <= lastIndexOf(told) && told.index <= lastIndexOf(block),
      )
      if (!isKept) throw new Error(`${where}: ${told.index} in ballot ${told.term} is not durable`)
    }
  }
  if (type === 'accepted') {
    const { span, match } = message
    let end = 0
    for (const block of blocks) if (block.index === end + 1) end = lastIndexOf(block)
    if (match > end) throw new Error(`${where}: ${match} is told, durable is ${end}`)
    for (const block of blocks) {
      if (span === undefined || block.index < span.first || lastIndexOf(block) > span.last) continue
      const isChosen = lastIndexOf(block) <= cluster.node(from).commit
      if (block.term < message.ballot && !isChosen) throw new Error(`${where}: ${block.index} is of ${block.term}`)
    }
    for (let at = span?.first ?? 1; at <= (span?.last ?? 0); at++) {
      const isThere = blocks.some((block) => block.index <= at && at <= lastIndexOf(block))
      if (!isThere) throw new Error(`${where}: ${at} is told and not durable`)
    }
  }
  return type
}

function schedule(seed: number, seen: Map<string, number>): void {
  const cluster = new Cluster({
    seed,
    nodes: seed % 2 === 0 ? 3 : 5,
    fastDisks: false,
    paxos: { probe: seed % 3 === 0, noopOnElection: seed % 5 !== 0 },
    limits: seed % 4 === 0 ? { messageBytes: 200, tailBytes: 300 } : {},
  })
  const { random, all, queue } = cluster
  queue.push = (...envelopes) => {
    for (const envelope of envelopes) {
      const type = checkPromise(cluster, envelope)
      seen.set(type, (seen.get(type) ?? 0) + 1)
    }
    return Array.prototype.push.apply(queue, envelopes)
  }
  for (let i = 0; i < 1500; i++) {
    const choice = below(random, 1000)
    const node = all[below(random, all.length)]!
    if (choice < 500 && queue.length > 0) {
      const [envelope] = queue.splice(below(random, 4) === 0 ? below(random, queue.length) : 0, 1)
      if (below(random, 20) > 0) cluster.deliverOne(envelope!)
    } else if (choice < 600) {
      cluster.now += below(random, 12)
      for (const each of all) if (each.isUp) each.step({ type: 'tick', now: cluster.now })
    } else if (choice < 850) {
      if (node.isUp) node.flush(1 + below(random, 3))
    } else if (choice < 950) {
      if (node.isUp) node.propose(1 + below(random, 3))
    } else if (choice < 965) {
      if (node.isUp) node.crash()
    } else if (choice < 985) {
      if (!node.isUp) node.start()
    } else if (node.isUp) {
      node.step({ type: 'campaign', now: cluster.now })
    }
  }
}

describe('what a message promises', () => {
  it(`is durable when the message leaves, over ${SEEDS} random schedules`, () => {
    const seen = new Map<string, number>()
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        schedule(seed, seen)
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause })
      }
    }
    // The schedules must have done something, or they prove nothing.
    for (const type of ['prepare', 'promise', 'accept', 'accepted', 'refusal', 'heartbeat']) {
      expect(seen.get(type) ?? 0, type).toBeGreaterThan(5 * SEEDS)
    }
  })
})
