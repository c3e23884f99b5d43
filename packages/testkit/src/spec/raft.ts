// Raft as a predicate: which outputs are allowed after which inputs (Ongaro, "Consensus: Bridging Theory and Practice",
// 2014, chapters 3, 9.6 and 10.2.1; cited by section). A trace is accepted when every output of every core is allowed.
//
// Always true: it is written from the thesis and shares no code with any Raft; it knows all nodes at once, so it
// checks what is said against what is so (a follower that reports a match has the leader's log up to there), and for
// each claim also that its node could know. When something happens is free: elections may begin with any tick,
// messages may be late, lost or repeated, and an output may answer several inputs.

import { lastIndexOf, type BlockSpan, type NodeId } from '@mako/engine'
import type { OutputEvent, Trace, TracedMessage } from '../trace/event.ts'
import type { Place, SpecLog } from './log.ts'
import { diskOf, hear, newGroup, settle, start, type Group, type Life, type Write } from './raft-life.ts'
import { hardStateOf, raftMessage, type Election, type HardState, type RaftTraceMessage } from './raft-message.ts'
import { readTrace } from './read-trace.ts'
import { check, Refusal, type Verdict } from './verdict.ts'

type Send = Extract<OutputEvent, { type: 'send' }>
type RoleEvent = Extract<OutputEvent, { type: 'role' }>
type Commit = Extract<OutputEvent, { type: 'commit' }>
type Message<Type> = Extract<RaftTraceMessage, { type: Type }>

/** What an output passes through, in order: the terms, and the logs (a truncation begins a new one). */
interface Path {
  readonly terms: Set<number>
  readonly logs: SpecLog[]
  readonly ends: Place[]
}

/** Accepts the trace of a Raft cluster, or names the first output that no rule allows. */
export function validateRaftTrace(trace: Trace): Verdict {
  const deliver = (life: Life, from: NodeId, traced: TracedMessage): void => {
    const message = raftMessage(traced)
    check(message !== undefined, 'message', `${traced.type} is no message of Raft`)
    hear(life, from, message)
  }
  return readTrace({ newGroup, start, deliver, settle, carryOut }, trace)
}

// ----------------------------------------------------------------------------------------------------------- outputs

function carryOut(group: Group, life: Life, run: readonly OutputEvent[]): void {
  const path: Path = { terms: new Set([life.state.term]), logs: [life.log], ends: [life.log.last] }
  const roles = run.filter((event) => event.type === 'role')
  for (const event of run) if (event.type === 'write') write(group, life, path, roles, event)
  for (const event of roles) changeRole(group, life, path, event)
  for (const event of run) {
    if (event.type === 'send') send(group, life, path, event, run)
    else if (event.type === 'commit') commit(group, life, path, event)
  }
}

function write(group: Group, life: Life, path: Path, roles: readonly RoleEvent[], event: Write): void {
  check(event.write === life.issued + 1, 'write-order', `write ${event.write} follows write ${life.issued}`)
  life.issued = event.write
  if (event.what === 'state') {
    const state = hardStateOf(event.state)
    check(state !== undefined && event.state !== null, 'state', 'a hard state says nothing')
    // A node that led and has already been deposed in the same turn: its log in that term ends here.
    const { term } = life.state
    if (state.term > term && roles.some((each) => each.role === 'leader' && each.term === term)) lead(group, life, term)
    writeState(group, life, path, state, event.write)
  } else writeBlock(group, life, path, roles, event)
  diskOf(group, life.node).unwritten.push(event)
}

/** Term and vote (3.4): the term only grows, and one vote is given in it, to a candidate whose log is up to date. */
function writeState(group: Group, life: Life, path: Path, state: HardState, write: number): void {
  const { term, votedFor } = life.state
  check(state.term >= term, 'term-grows', `the term falls from ${term} to ${state.term}`)
  const isNew = state.term > term
  if (!isNew) {
    const isSame = votedFor === null || votedFor === state.votedFor
    check(isSame, 'one-vote', `votes for ${state.votedFor} in term ${term}, after ${votedFor}`)
  }
  const isOwn = state.votedFor === life.node && isNew
  if (isNew) {
    // A term is heard of (3.3) or begun: then it is one more than the last one, which may have been heard of just now.
    const begun = state.term - 1
    const isAllowed = isOwn ? begun === term || hasHeard(life, begun) : hasHeard(life, state.term)
    check(isAllowed, 'term-source', `goes from term ${term} to ${state.term}, of which nobody has told`)
  }
  if (isOwn) check(mayCampaign(group, life, state.term), 'campaign', `begins term ${state.term} without a reason`)
  else if (state.votedFor !== null && (isNew || votedFor === null)) {
    const requests = requestsOf(life, state.votedFor, state.term, (election) => election !== 'pre-vote')
    check(requests.length > 0, 'vote-asked', `votes for ${state.votedFor}, who has not asked`)
    const own = life.log.last
    const isFit = requests.some(({ last }) => isUpToDate(last, own))
    const theirs = show(requests[0]!.last)
    check(isFit, 'vote-up-to-date', `votes for a log to ${theirs}, its own goes to ${show(own)}`)
  }
  life.state = state
  path.terms.add(state.term)
  if (isNew) life.termWrites.set(state.term, write)
  if (state.votedFor !== null && (isNew || votedFor === null)) {
    life.votes.set(state.term, { candidate: state.votedFor, write })
  }
}

/** True when a message of this turn says that this term is begun; a pre-vote does not (9.6). */
function hasHeard(life: Life, term: number): boolean {
  return life.turn.messages.some(
    ({ message }) =>
      message.term === term &&
      !(message.type === 'vote-request' && message.election === 'pre-vote') &&
      !(message.type === 'vote-reply' && message.granted),
  )
}

/** The requests for a vote in this term that a candidate has made in this turn. */
function requestsOf(
  life: Life,
  candidate: NodeId,
  term: number,
  isAskedIn: (election: Election) => boolean,
): Message<'vote-request'>[] {
  return life.turn.messages
    .filter(({ from }) => from === candidate)
    .map(({ message }) => message)
    .filter((message) => message.type === 'vote-request')
    .filter((message) => message.term === term && isAskedIn(message.election))
}

function mayCampaign(group: Group, life: Life, term: number): boolean {
  const { turn, quorum } = life
  if (turn.mayCampaign) return true
  if (isToldToCampaign(group, life, term)) return true
  return (life.preGranted.get(term)?.size ?? 0) + 1 >= quorum
}

/** True when the leader of the term before wants this node to begin this one (3.10); nobody else may. */
function isToldToCampaign(group: Group, life: Life, term: number): boolean {
  const leader = group.leaders.get(term - 1)?.node
  return life.turn.messages.some(
    ({ from, message }) => message.type === 'timeout-now' && message.term === term - 1 && from === leader,
  )
}

/** A leader appends what was proposed (3.6.3); a follower what its leader has sent, behind what both have (3.5). */
function writeBlock(
  group: Group,
  life: Life,
  path: Path,
  roles: readonly RoleEvent[],
  event: Extract<Write, { what: 'block' }>,
): void {
  const { block, truncate } = event
  const { term } = life.state
  const { log } = life
  const at = show(block)
  check(block.term <= term, 'term-before-block', `writes ${at} in term ${term}`)
  check(block.index <= log.lastIndex + 1, 'no-hole', `writes ${at} behind ${show(log.last)}`)
  check(block.index > life.commit, 'commit-kept', `rewrites ${at}, ${life.commit} is committed`)
  check(block.term >= (log.termAt(block.index - 1) ?? 0), 'log-terms', `writes ${at} behind a later term`)
  const leads =
    group.leaders.get(term)?.node === life.node || roles.some((each) => each.role === 'leader' && each.term === term)
  if (leads) {
    check(!truncate && block.index === log.lastIndex + 1, 'leader-appends-only', `leads and rewrites ${at}`)
    const isProposed = life.turn.proposed.some((each) => each.index === block.index && each.count === block.count)
    const isFirst = block.count === 1 && log.last.term < term
    check(block.term === term && (isProposed || isFirst), 'append-asked', `leads term ${term} and makes up ${at}`)
  } else {
    const sources = life.turn.messages
      .map(({ message }) => message)
      .filter((message): message is Message<'append'> => message.type === 'append' && message.term === term)
      .filter(({ blocks }) => blocks.some((each) => each.index === block.index && each.term === block.term))
    check(sources.length > 0, 'append-asked', `writes ${at}, which no leader of term ${term} has sent`)
    const fits = sources.some(
      ({ previous, blocks }) =>
        log.has(previous) && blocks.every((each) => each.index >= block.index || log.holds(each)),
    )
    check(fits, 'append-matches', `writes ${at} behind what does not match the leader's log`)
    const present = log.termAt(block.index)
    check(truncate === (present !== undefined), 'truncate-conflict', `writes ${at} over what is there without a word`)
    check(present !== block.term, 'truncate-conflict', `truncates at ${at}, where nothing differs`)
  }
  if (block.index <= log.lastIndex) {
    life.log = log.copy()
    path.logs.push(life.log)
  }
  life.log.put(block, event.write)
  path.ends.push(life.log.last)
  const led = group.leaders.get(term)
  if (led?.node === life.node) led.log.put(block, event.write)
}

/** Votes of a majority make a leader, the only one of its term (3.4). */
function changeRole(group: Group, life: Life, path: Path, event: RoleEvent): void {
  const { role, term, leader } = event
  check(path.terms.has(term), 'role-term', `is ${role} of term ${term}, which it is not in`)
  const vote = life.votes.get(term)
  if (role === 'candidate') check(vote?.candidate === life.node, 'candidate-vote', `campaigns without its own vote`)
  if (role === 'leader') {
    const ownVote = vote?.candidate === life.node && vote.write <= life.durable ? 1 : 0
    const votes = ownVote + (life.granted.get(term)?.size ?? 0)
    check(votes >= life.quorum, 'elected', `leads term ${term} with ${votes} of ${life.quorum} votes`)
    const other = group.leaders.get(term)?.node ?? life.node
    check(other === life.node, 'one-leader', `leads term ${term}, as ${other} does`)
    lead(group, life, term)
  } else if (leader !== null) {
    check(leader === group.leaders.get(term)?.node, 'known-leader', `follows ${leader}, who does not lead term ${term}`)
  }
}

function lead(group: Group, life: Life, term: number): void {
  if (!group.leaders.has(term)) group.leaders.set(term, { node: life.node, log: life.log.copy() })
}

// ---------------------------------------------------------------------------------------------------------- messages

function send(group: Group, life: Life, path: Path, event: Send, run: readonly OutputEvent[]): void {
  const { to, after } = event
  const message = raftMessage(event.message)
  check(message !== undefined, 'message', `${event.message.type} is no message of Raft`)
  const { term } = message
  const isDurable = (write: number | undefined): boolean =>
    write !== undefined && write <= Math.max(after, life.durable)
  if (message.type === 'vote-request' && message.election === 'pre-vote') {
    check(path.terms.has(term - 1), 'pre-vote-term', `asks for pre-votes in term ${term}`)
    check(isEnd(path, message.last), 'own-log', `claims a log to ${show(message.last)}`)
    return
  }
  check(path.terms.has(term), 'own-term', `speaks in term ${term}, which it is not in`)
  // What is told is kept over a crash (3.8).
  check(isDurable(life.termWrites.get(term)), 'term-durable', `tells of term ${term} before it is durable`)
  switch (message.type) {
    case 'vote-request': {
      const vote = life.votes.get(term)
      check(
        vote?.candidate === life.node && isDurable(vote.write),
        'candidate-vote',
        `asks before its own vote is kept`,
      )
      check(isEnd(path, message.last), 'own-log', `claims a log to ${show(message.last)}`)
      const isTold = isToldToCampaign(group, life, term)
      check(message.election !== 'transfer' || isTold, 'transfer-asked', `says that a leader wants its election`)
      return
    }
    case 'vote-reply':
      sendVote(life, path, to, message, isDurable)
      return
    case 'append-reply':
      sendMatch(group, life, path, to, message, isDurable)
      return
    case 'append':
    case 'heartbeat':
    case 'timeout-now':
      sendAsLeader(group, life, path, to, message, run)
      return
    case 'barrier-request':
      return
    case 'barrier-reply': {
      const { id, index } = message
      if (index === undefined) return
      check(group.leaders.get(term)?.node === life.node, 'only-leader', `answers readers of ${to} without leading`)
      life.readers.mayAnswer(to, id, { term, index, commit: commitOf(life, run), quorum: life.quorum })
      return
    }
  }
}

function sendVote(
  life: Life,
  path: Path,
  to: NodeId,
  message: Message<'vote-reply'>,
  isDurable: (write: number | undefined) => boolean,
): void {
  const { election, requestedTerm, granted } = message
  const requests = requestsOf(life, to, requestedTerm, (each) => each === election)
  check(requests.length > 0, 'reply-asked', `answers a request for votes that was not made`)
  if (!granted) return
  if (election === 'pre-vote') {
    const isFit = requests.some(({ last }) => path.ends.some((end) => isUpToDate(last, end)))
    check(isFit, 'vote-up-to-date', `gives a pre-vote to a log to ${show(requests[0]!.last)}`)
    return
  }
  const vote = life.votes.get(requestedTerm)
  check(vote?.candidate === to, 'one-vote', `gives ${to} a vote in term ${requestedTerm} that it has not noted`)
  check(isDurable(vote.write), 'vote-durable', `gives ${to} a vote that is not durable`)
}

/** A follower reports what agrees with its leader's log, and of that only what is durable (3.5, 3.8). */
function sendMatch(
  group: Group,
  life: Life,
  path: Path,
  to: NodeId,
  message: Message<'append-reply'>,
  isDurable: (write: number | undefined) => boolean,
): void {
  const { term, match, received, hint } = message
  const isAsked = life.turn.messages.some(
    ({ from, message: each }) => from === to && (each.type === 'append' || each.type === 'heartbeat'),
  )
  check(isAsked, 'reply-asked', `answers what ${to} has not asked`)
  check(match <= received, 'match-received', `matches ${match} and has received ${received}`)
  if (received > 0) {
    const led = group.leaders.get(term)
    check(led?.node === to, 'known-leader', `reports to ${to}, who does not lead term ${term}`)
    const told = life.told.get(term)?.upTo ?? 0
    check(received <= told, 'match-told', `matches ${received}, compared was at most ${told}`)
    const agreeing = path.logs.filter((log) => log.agrees(led.log, received))
    check(agreeing.length > 0, 'match-agrees', `says that it agrees with ${to} to ${received}, which is not so`)
    const isKept = agreeing.some((log) => isDurable(log.writeOf(match)))
    const isWhole = agreeing.some((log) => log.endsBlock(received) && (match === 0 || log.endsBlock(match)))
    check(isWhole, 'match-whole-blocks', `reports ${match} of ${received}, in the middle of a block`)
    check(isKept, 'match-durable', `reports ${match}, which is not durable`)
  }
  if (hint !== undefined) {
    const { asked, found } = hint
    const isSo = found.index <= asked && path.logs.some((log) => log.has(found))
    check(isSo, 'own-log', `claims to have ${show(found)} for ${asked}`)
  }
}

function sendAsLeader(
  group: Group,
  life: Life,
  path: Path,
  to: NodeId,
  message: Message<'append' | 'heartbeat' | 'timeout-now'>,
  run: readonly OutputEvent[],
): void {
  const { term } = message
  const led = group.leaders.get(term)
  check(led?.node === life.node, 'only-leader', `sends ${message.type} of term ${term}, which it does not lead`)
  const { log } = led
  if (message.type === 'timeout-now') {
    // A transfer waits until the target has everything (3.10).
    const match = life.matches.get(term)?.get(to) ?? 0
    const isReady = path.ends.some((end) => match >= end.index)
    check(isReady, 'transfer-ready', `hands over to ${to}, who has ${match} of ${log.lastIndex}`)
    return
  }
  const newCommit = commitOf(life, run)
  check(message.commit <= newCommit, 'commit-told', `tells of commit ${message.commit}, its own is ${newCommit}`)
  if (message.type === 'heartbeat') {
    life.readers.sent(term, message.round)
    const { probe } = message
    check(
      probe === undefined || log.has(probe),
      'own-log',
      `asks about ${probe && show(probe)}, which it does not have`,
    )
    return
  }
  check(log.has(message.previous), 'own-log', `appends behind ${show(message.previous)}, which it does not have`)
  let next = message.previous.index + 1
  for (const block of message.blocks) {
    check(block.index === next && log.holds(block), 'own-log', `sends ${show(block)}, which it does not have`)
    next = lastIndexOf(block) + 1
  }
}

/** With what this output commits. */
function commitOf(life: Life, run: readonly OutputEvent[]): number {
  return run.find((event) => event.type === 'commit')?.index ?? life.commit
}

// ------------------------------------------------------------------------------------------------------------ commit

/**
 * A leader commits what is of its own term and durable on a majority (3.6.2), a follower what its leader has committed,
 * as far as their logs agree (3.5).
 */
function commit(group: Group, life: Life, path: Path, event: Commit): void {
  const { index } = event
  const { log } = life
  check(index > life.commit, 'commit-grows', `commit falls from ${life.commit} to ${index}`)
  check(index <= log.lastIndex, 'commit-in-log', `commits ${index} of ${log.lastIndex}`)
  check(log.endsBlock(index), 'commit-whole-blocks', `commits ${index}, in the middle of a block`)
  const refusals = [...path.terms].map((term) => refusalOf(group, life, term, index))
  const refusal = refusals.at(-1)
  if (refusal !== undefined && !refusals.includes(undefined)) throw refusal
  const { committed } = group
  const both = Math.min(index, committed.lastIndex)
  check(committed.agrees(log, both), 'one-history', `commits ${index} over another history`)
  if (index > committed.lastIndex) {
    group.committed = log.copy(true)
    group.committed.truncate(index + 1)
  }
  life.commit = index
}

function refusalOf(group: Group, life: Life, term: number, index: number): Refusal | undefined {
  const { log } = life
  const led = group.leaders.get(term)
  if (led?.node === life.node) {
    if (log.termAt(index) !== term) {
      return new Refusal('commit-own-term', `leads term ${term} and commits ${index} of term ${log.termAt(index)}`)
    }
    let holders = log.writeOf(index) <= life.durable ? 1 : 0
    for (const match of life.matches.get(term)?.values() ?? []) if (match >= index) holders++
    if (holders >= life.quorum) return undefined
    return new Refusal('commit-majority', `commits ${index}, durable on ${holders} of ${life.quorum} nodes`)
  }
  const told = life.told.get(term)
  if (led === undefined || told === undefined || told.commit < index) {
    return new Refusal('commit-told', `commits ${index}, told was ${told?.commit ?? 0} in term ${term}`)
  }
  if (told.upTo >= index && log.agrees(led.log, index)) return undefined
  return new Refusal('commit-verified', `commits ${index}, which it has not compared with the leader of term ${term}`)
}

/** The later term wins; in the same term, the longer log (3.6.1). */
function isUpToDate(last: Place, own: Place): boolean {
  return last.term > own.term || (last.term === own.term && last.index >= own.index)
}

function isEnd(path: Path, place: Place): boolean {
  return path.ends.some((end) => end.index === place.index && end.term === place.term)
}

function show(place: Place | BlockSpan): string {
  const end = 'count' in place && place.count > 1 ? `..${lastIndexOf(place)}` : ''
  return `${place.index}${end}@${place.term}`
}
