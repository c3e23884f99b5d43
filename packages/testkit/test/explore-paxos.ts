// What of a Paxos core decides its future and cannot be seen from outside, for the exhaustive search.
//
// Always true: no time and no number of a write is in it. Writes count from the oldest one that is not durable. Of time
// three things matter: patience with a follower never ends, which is checked; whether commit is due to be stored, and
// whether a read that found nothing may be repeated, are in it.

import type { Protocol } from '@mako/engine'
import { paxos, type PaxosMessage, type PaxosOptions } from '@mako/paxos'
import type { ExploreOptions } from '../src/explore/explore.ts'
import { hashBytes } from '../src/laws/hash.ts'
import { PaxosNode } from '../../paxos/src/node.ts'
import { Progress } from '../../paxos/src/progress.ts'
import { inspectable, type Inspectable } from './inspectable.ts'
import { says, type PaxosLie } from './paxos-lies.ts'

const HEARTBEAT_MS = 1_000_000

/** What a leader has with a follower that does not answer. */
const PATIENCE_MS = 3 * HEARTBEAT_MS

/** Everything the search needs to know of Paxos. */
export const paxosScope: Pick<ExploreOptions<PaxosMessage>, 'ageMs' | 'ages' | 'isOver' | 'byIndex'> = {
  // Beyond the last turn of those who await a leader.
  ageMs: 1.5 * HEARTBEAT_MS,
  // Without leases a promise is given to everybody.
  ages: () => false,
  // Answers to whoever asked in another role than its present one, and who will never ask in that ballot again.
  isOver: (message, { role, term }) => {
    const { type, ballot } = message
    if (ballot > term) return false
    if (type === 'promise') return ballot < term || role !== 'candidate'
    if (type === 'accepted') return ballot < term || role !== 'leader'
    return type === 'refusal' && (message.refused < term || role !== 'candidate')
  },
  byIndex: true,
}

/** No heartbeat ever arrives: who leads is told by accepts alone. Far fewer things can happen, so more of the others. */
export const withoutHeartbeats: PaxosLie = says((each) => (each.message.type === 'heartbeat' ? undefined : each))

/** What a leader remembers of a follower and does not show: it decides what is sent again. */
interface Memory {
  received: number
  sentFrom: number
}

const memories = new WeakMap<Progress, Memory>()
const storedAt = new WeakMap<PaxosNode, number>()

/** Must be called before the follower's `next` changes for the first time. */
function memoryOf(progress: Progress): Memory {
  let memory = memories.get(progress)
  if (memory === undefined) {
    memory = { received: 0, sentFrom: progress.next }
    memories.set(progress, memory)
  }
  return memory
}

/** Notes what a method is told, before it does what it did anyway. What `note` returns is called afterwards. */
function watch<Target extends object, Name extends keyof Target>(
  prototype: Target,
  name: Name,
  note: (
    self: Target,
    ...given: Target[Name] extends (...given: infer Given) => unknown ? Given : never
  ) => (() => void) | undefined,
): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!
  const method = descriptor.value as (...given: unknown[]) => unknown
  const noted = note as (self: Target, ...given: unknown[]) => (() => void) | undefined
  const value = function (this: Target, ...given: unknown[]): unknown {
    const then = noted(this, ...given)
    const result = Reflect.apply(method, this, given)
    then?.()
    return result
  }
  Object.defineProperty(prototype, name, { ...descriptor, value })
}

function meet(progress: Progress): undefined {
  memoryOf(progress)
}

watch(Progress.prototype, 'sent', meet)
watch(Progress.prototype, 'acknowledge', meet)
watch(Progress.prototype, 'lacks', (progress, received) => {
  memoryOf(progress).received = received
  return undefined
})
watch(Progress.prototype, 'resend', (progress, from) => {
  memoryOf(progress).sentFrom = from
  return undefined
})
watch(PaxosNode.prototype, 'persistState', (node) => {
  const before = node.writes.length
  return () => {
    if (node.writes.length > before) storedAt.set(node, node.now)
  }
})

export function inspectablePaxos(
  options: PaxosOptions = {},
  wrap: (protocol: Protocol<PaxosMessage>) => Protocol<PaxosMessage> = (sound) => sound,
): Inspectable<PaxosMessage> {
  const timing = { heartbeatMs: HEARTBEAT_MS, electionTimeoutMs: HEARTBEAT_MS + 1, tickMs: 1 }
  const protocol = paxos({ probe: false, checkQuorum: false, ...timing, ...options })
  return inspectable(protocol, PaxosNode.prototype, wrap, fingerprint)
}

function fingerprint(node: PaxosNode): string {
  const { state, ballot, leader, commit, log, now } = node
  const indexes = Array.from({ length: log.lastIndex }, (_, i) => i + 1)
  const writes = indexes.map((index) => log.writeOf(index))
  const oldest = Math.min(...writes.filter((write) => write > 0))
  const shared = [
    ballot,
    leader,
    commit,
    log.commitTerm,
    log.durableIndex,
    now - (storedAt.get(node) ?? 0) >= node.options.electionTimeoutMs,
    writes.map((write) => (write === 0 ? -1 : write - oldest)),
    // What an earlier life has accepted is not in memory.
    indexes.map((index) => log.blockAt(index) !== undefined),
  ]
  switch (state.role) {
    case 'follower':
      return JSON.stringify(shared)
    case 'pre-candidate':
      throw new Error('There are no probes in this scope.')
    case 'candidate': {
      const { handover, refused, ownWrite } = state
      const answers = [...state.answers].map(([id, { from, isComplete }]) => [id, from, isComplete])
      const found = [...state.found].map(([key, block]) => `${key}#${hashBytes(block.bytes)}`).sort()
      const isPromised = node.isDurable(ownWrite)
      return JSON.stringify([...shared, 'candidate', answers, handover, [...refused].sort(), found, isPromised])
    }
    case 'leader': {
      if (now - state.electedAt >= PATIENCE_MS) throw new Error('Patience would end: this scope is too large.')
      const peers = [...state.progress.values()].map((peer) => {
        const ahead = indexes.map((index) => peer.has({ index, count: 1, term: ballot }))
        const fetched = [peer.fetched.length, peer.readNotBefore > now]
        return [peer.id, peer.match, peer.next, peer.commitSent, ahead, fetched, memoryOf(peer)]
      })
      return JSON.stringify([...shared, 'leader', state.readyIndex, state.lastIndex, peers, state.transfer])
    }
  }
}
