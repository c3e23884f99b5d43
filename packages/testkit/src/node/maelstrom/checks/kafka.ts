// `kafka`: logs by key, to which messages are sent, and from which they are polled by offset.
//
// Always true: an offset has one message and a message one offset; offsets are given in the order of real time; whoever
// polls from an offset is given what is there in order, and nothing is left out that anybody knows to be there; in the
// end every node has every acknowledged message. Committed offsets never go back, and nobody is told one that was not
// committed. Offsets need not follow each other without holes; holes are counted.

import type { Operation } from '../history.ts'
import { isObject } from '../protocol.ts'
import { Findings, show, type Verdict } from './findings.ts'

interface KeyLog {
  /** By offset what is there, as told by acknowledgements and polls. */
  readonly messages: Map<number, string>
  /** By message where it is. */
  readonly offsets: Map<string, number>
  /** Offsets that are known, in order. */
  sorted: readonly number[]
}

type Pair = readonly [offset: number, message: string]

interface Poll {
  readonly node: string
  readonly key: string
  readonly from: number
  readonly pairs: readonly Pair[]
  readonly final: boolean
}

export function checkKafka(history: readonly Operation[], nodes: readonly string[]): Verdict {
  const findings = new Findings()
  const logs = new Map<string, KeyLog>()
  const sends = history.filter(({ request }) => request.type === 'send')
  const acknowledged = acknowledgedOf(sends, findings)
  const polls = pollsOf(history, findings)
  for (const { key, offset, message } of acknowledged) note(logs, key, offset, message, findings)
  for (const { key, pairs } of polls) {
    for (const [offset, message] of pairs) note(logs, key, offset, message, findings)
  }
  for (const log of logs.values()) log.sorted = [...log.messages.keys()].sort((a, b) => a - b)
  checkPhantoms(sends, logs, findings)
  checkOrderOfSends(acknowledged, findings)
  for (const poll of polls) checkPoll(poll, logs.get(poll.key), findings)
  checkFinal(acknowledged, polls, nodes, findings)
  checkCommits(history, findings)
  let holes = 0
  for (const { sorted } of logs.values()) {
    if (sorted.length > 0) holes += sorted.at(-1)! - sorted[0]! + 1 - sorted.length
  }
  return { errors: findings.errors, details: { keys: logs.size, messages: acknowledged.length, holes } }
}

interface Acknowledged {
  readonly key: string
  readonly offset: number
  readonly message: string
  readonly call: number
  readonly ret: number
}

function acknowledgedOf(sends: readonly Operation[], findings: Findings): readonly Acknowledged[] {
  const acknowledged: Acknowledged[] = []
  for (const { request, reply, status, node, call, ret } of sends) {
    if (status !== 'ok') continue
    const offset = reply?.['offset']
    if (isOffset(offset)) acknowledged.push({ key: keyOf(request), offset, message: show(request['msg']), call, ret })
    else findings.add('malformed answer', `${node} answered send with ${show(reply)}, without an offset`)
  }
  return acknowledged
}

function pollsOf(history: readonly Operation[], findings: Findings): readonly Poll[] {
  const polls: Poll[] = []
  for (const { request, reply, status, node, final } of history) {
    if (request.type !== 'poll' || status !== 'ok') continue
    const asked = isObject(request['offsets']) ? request['offsets'] : {}
    const told = reply?.['msgs']
    if (!isObject(told)) {
      findings.add('malformed answer', `${node} answered poll with ${show(reply)}, without msgs`)
      continue
    }
    for (const [key, list] of Object.entries(told)) {
      const from = asked[key]
      const pairs = pairsOf(list)
      if (typeof from !== 'number') findings.add('not asked', `${node} answered a poll with key ${show(key)} as well`)
      else if (pairs === undefined) findings.add('malformed answer', `${node} answered poll with ${show(reply)}`)
      else polls.push({ node, key, from, pairs, final })
    }
  }
  return polls
}

/** What a poll has of one key; undefined when it is no list of offsets and messages. */
export function pairsOf(list: unknown): readonly Pair[] | undefined {
  if (!Array.isArray(list)) return undefined
  const pairs: Pair[] = []
  for (const pair of list as readonly unknown[]) {
    if (!Array.isArray(pair) || !isOffset(pair[0])) return undefined
    pairs.push([pair[0], show(pair[1])])
  }
  return pairs
}

function note(logs: Map<string, KeyLog>, key: string, offset: number, message: string, findings: Findings): void {
  let log = logs.get(key)
  if (log === undefined) logs.set(key, (log = { messages: new Map(), offsets: new Map(), sorted: [] }))
  const there = log.messages.get(offset)
  if (there !== undefined && there !== message) {
    findings.add('two messages', `offset ${offset} of key ${show(key)} is ${there} and ${message}`)
  }
  const at = log.offsets.get(message)
  if (at !== undefined && at !== offset) {
    findings.add('duplicate', `${message} is at offsets ${at} and ${offset} of key ${show(key)}`)
  }
  log.messages.set(offset, message)
  log.offsets.set(message, offset)
}

function checkPhantoms(sends: readonly Operation[], logs: ReadonlyMap<string, KeyLog>, findings: Findings): void {
  const sent = new Map(sends.map(({ request, status }) => [`${keyOf(request)} ${show(request['msg'])}`, status]))
  for (const [key, { messages }] of logs) {
    for (const [offset, message] of messages) {
      const status = sent.get(`${key} ${message}`)
      const where = `offset ${offset} of key ${show(key)} is ${message}`
      if (status === undefined) findings.add('phantom', `${where}, which nobody has sent`)
      if (status === 'fail') findings.add('phantom', `${where}, which was refused`)
    }
  }
}

/** What was acknowledged before another was sent is before it. */
function checkOrderOfSends(acknowledged: readonly Acknowledged[], findings: Findings): void {
  const byReturn = [...acknowledged].sort((a, b) => a.ret - b.ret)
  const highest = new Map<string, Acknowledged>()
  let next = 0
  for (const send of [...acknowledged].sort((a, b) => a.call - b.call)) {
    for (let done = byReturn[next]; done !== undefined && done.ret < send.call; done = byReturn[++next]) {
      if (done.offset > (highest.get(done.key)?.offset ?? -1)) highest.set(done.key, done)
    }
    const before = highest.get(send.key)
    if (before === undefined || before.offset < send.offset) continue
    const text = `${send.message} is at offset ${send.offset} of key ${show(send.key)}, and ${before.message}`
    findings.add('reordered', `${text}, acknowledged before it was sent, at ${before.offset}`)
  }
}

/** One poll: in order, from where it was asked, and without leaving anything out. */
function checkPoll({ node, key, from, pairs }: Poll, log: KeyLog | undefined, findings: Findings): void {
  let last = from - 1
  for (const [offset] of pairs) {
    const where = `${node}, polled from offset ${from} of key ${show(key)}, answered ${offset}`
    if (offset <= last) findings.add('out of order', `${where} after ${last}`)
    else {
      const skipped = firstBetween(log?.sorted ?? [], last, offset)
      if (skipped !== undefined) {
        findings.add('skipped', `${where} without ${skipped} (${String(log?.messages.get(skipped))}) before it`)
      }
    }
    last = Math.max(last, offset)
  }
}

/** The first number of a sorted list that is above one and below another. */
function firstBetween(sorted: readonly number[], above: number, under: number): number | undefined {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >> 1
    if (sorted[middle]! <= above) from = middle + 1
    else to = middle
  }
  const found = sorted[from]
  return found !== undefined && found < under ? found : undefined
}

/** The final reads of each node, all together, have everything. */
function checkFinal(
  acknowledged: readonly Acknowledged[],
  polls: readonly Poll[],
  nodes: readonly string[],
  findings: Findings,
): void {
  for (const node of nodes) {
    const seen = new Set<string>()
    for (const poll of polls) {
      if (!poll.final || poll.node !== node) continue
      for (const [, message] of poll.pairs) seen.add(`${poll.key} ${message}`)
    }
    for (const { key, offset, message } of acknowledged) {
      if (seen.has(`${key} ${message}`)) continue
      findings.add('lost', `${message}, acknowledged at offset ${offset} of key ${show(key)}, is not on ${node}`)
    }
  }
}

/** Committed offsets: from what was committed before a question to what was committed before its answer. */
function checkCommits(history: readonly Operation[], findings: Findings): void {
  interface Known {
    readonly key: string
    readonly offset: number
    readonly time: number
  }
  const committed: Known[] = []
  const tried: Known[] = []
  const told: (Known & { readonly call: number; readonly node: string; readonly missing: boolean })[] = []
  for (const { request, reply, status, call, ret, node } of history) {
    if (request.type === 'commit_offsets' && isObject(request['offsets'])) {
      for (const [key, offset] of Object.entries(request['offsets'])) {
        if (!isOffset(offset) || status === 'fail') continue
        tried.push({ key, offset, time: call })
        if (status === 'ok') committed.push({ key, offset, time: ret })
      }
    }
    if (request.type !== 'list_committed_offsets' || status !== 'ok') continue
    const offsets = reply?.['offsets']
    if (!isObject(offsets)) {
      findings.add('malformed answer', `${node} answered list_committed_offsets with ${show(reply)}`)
      continue
    }
    for (const key of Array.isArray(request['keys']) ? (request['keys'] as readonly unknown[]) : []) {
      if (typeof key !== 'string') continue
      const offset = offsets[key]
      if (isOffset(offset)) told.push({ key, offset, time: ret, call, node, missing: false })
      else if (offset === undefined || offset === null) {
        told.push({ key, offset: -1, time: ret, call, node, missing: true })
      } else findings.add('malformed answer', `${node} answered list_committed_offsets with ${show(reply)}`)
    }
  }
  // What is known to be committed, by commits and by what others were told.
  const known = [...committed, ...told.filter(({ missing }) => !missing)].sort((a, b) => a.time - b.time)
  tried.sort((a, b) => a.time - b.time)
  const lowest = new Map<string, number>()
  let next = 0
  for (const { key, offset, call, node, missing } of [...told].sort((a, b) => a.call - b.call)) {
    for (let each = known[next]; each !== undefined && each.time < call; each = known[++next]) {
      lowest.set(each.key, Math.max(lowest.get(each.key) ?? -1, each.offset))
    }
    const low = lowest.get(key) ?? -1
    const what = missing ? 'none' : String(offset)
    if (offset < low) findings.add('commit went back', `${node} told ${what} for key ${show(key)} after ${low}`)
  }
  const highest = new Map<string, number>()
  next = 0
  for (const { key, offset, time, node, missing } of [...told].sort((a, b) => a.time - b.time)) {
    for (let each = tried[next]; each !== undefined && each.time <= time; each = tried[++next]) {
      highest.set(each.key, Math.max(highest.get(each.key) ?? -1, each.offset))
    }
    if (missing || offset <= (highest.get(key) ?? -1)) continue
    findings.add('commit ahead', `${node} told ${offset} for key ${show(key)}, which nobody had committed`)
  }
}

function keyOf(request: Operation['request']): string {
  return String(request['key'])
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}
