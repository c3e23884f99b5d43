// Multi-Paxos as a predicate: which outputs are allowed after which inputs (Lamport, "Paxos Made Simple", 2001, sections
// 2.2 and 2.3; blocks as docs/adr/0003 defines them, whose PI1 to PI10 are cited). A trace is accepted when every output
// of every core is allowed.
//
// Always true: it is written from the paper and shares no code with any Paxos; it knows all nodes at once, so it checks
// what is said against what is so, and for each claim also that its node could know. When something happens is free:
// ballots may begin with any tick, messages may be late, lost or repeated, and an output may answer several inputs.

import { lastIndexOf, type NodeId } from '@mako/engine'
import type { OutputEvent, Trace, TracedBlock, TracedMessage } from '../trace/event.ts'
import { isSameBlock, isSameValue, proposedIn, type Slot } from './accepted.ts'
import { fitsPhase1 } from './paxos-choice.ts'
import {
  diskOf,
  hear,
  newGroup,
  offer,
  ownerOf,
  settle,
  start,
  type Group,
  type Life,
  type Write,
} from './paxos-life.ts'
import {
  paxosMessage,
  paxosStateOf,
  type AcceptedMessage,
  type PaxosTraceMessage,
  type PromiseMessage,
} from './paxos-message.ts'
import { readTrace } from './read-trace.ts'
import { check, type Verdict } from './verdict.ts'

type Send = Extract<OutputEvent, { type: 'send' }>
type RoleEvent = Extract<OutputEvent, { type: 'role' }>
type Message<Type> = Extract<PaxosTraceMessage, { type: Type }>

/** One output, and what the node passes through in it. */
interface Passage {
  readonly group: Group
  readonly life: Life
  readonly run: readonly OutputEvent[]
  /** Ballots that it is in, one after the other. */
  readonly ballots: Set<number>
  /** Blocks that were replaced. */
  readonly dropped: Slot[]
  /** Its commit in the end. */
  readonly commit: number
  /** The last index that it had proposed in the beginning. */
  readonly proposedTo: number
}

/** Accepts the trace of a Paxos cluster with elected leaders, or names the first output that no rule allows. */
export function validatePaxosTrace(trace: Trace): Verdict {
  const deliver = (life: Life, from: NodeId, traced: TracedMessage): void => {
    const message = paxosMessage(traced)
    check(message !== undefined, 'message', `${traced.type} is no message of Paxos`)
    hear(life, from, message)
  }
  return readTrace({ newGroup, start, deliver, settle, carryOut }, trace)
}

function carryOut(group: Group, life: Life, run: readonly OutputEvent[]): void {
  const passage: Passage = {
    group,
    life,
    run,
    ballots: new Set([life.state.promised]),
    dropped: [],
    commit: run.find((event) => event.type === 'commit')?.index ?? life.commit,
    proposedTo: life.lead?.lastIndex ?? 0,
  }
  for (const event of run) if (event.type === 'write') write(passage, event)
  for (const event of run) if (event.type === 'role') changeRole(passage, event)
  if (passage.commit !== life.commit) commit(passage)
  for (const event of run) if (event.type === 'send') send(passage, event)
}

// ------------------------------------------------------------------------------------------------------------ writes

function write(passage: Passage, event: Write): void {
  const { group, life } = passage
  check(event.write === life.issued + 1, 'write-order', `write ${event.write} follows write ${life.issued}`)
  life.issued = event.write
  if (event.what === 'state') writeState(passage, event)
  else writeBlock(passage, event)
  diskOf(group, life.node).unwritten.push(event)
}

/** The promised ballot only grows (PI5); it is heard of, or begun by the only node that may use it (PI7). */
function writeState(passage: Passage, event: Extract<Write, { what: 'state' }>): void {
  const { group, life, ballots } = passage
  const state = paxosStateOf(event.state)
  check(state !== undefined && event.state !== null, 'state', 'a hard state says nothing')
  const { promised, commit: stored } = life.state
  const ballot = state.promised
  check(ballot >= promised, 'promise-grows', `the promised ballot falls from ${promised} to ${ballot}`)
  const isSo = state.commit >= stored && state.commit <= passage.commit
  check(isSo, 'commit-stored', `stores commit ${state.commit}, after ${stored}; it is ${passage.commit}`)
  if (ballot > promised) {
    const owner = ownerOf(group, ballot)
    check(owner !== undefined, 'ballot-owner', `promises ballot ${ballot}, which nobody may use`)
    const isHeard = life.turn.messages.some(({ message }) => message.type !== 'probe' && message.ballot === ballot)
    if (owner === life.node && !isHeard) begin(passage, ballot)
    else check(isHeard, 'ballot-source', `promises ballot ${ballot}, of which nobody has told`)
    if (leads(passage, promised)) lead(passage, promised)
    life.ballotWrites.set(ballot, event.write)
    ballots.add(ballot)
  }
  life.state = state
}

function begin({ group, life }: Passage, ballot: number): void {
  const { turn, granted, quorum } = life
  const isHandedOver = turn.messages.some(
    ({ from, message }) => message.type === 'handover' && group.leaders.get(message.ballot) === from,
  )
  if (isHandedOver) life.handedOver.add(ballot)
  const isWanted = turn.mayCampaign || isHandedOver || (granted.get(ballot)?.size ?? 0) + 1 >= quorum
  check(isWanted && life.isVoter, 'campaign', `begins ballot ${ballot} without a reason`)
}

/** Whatever is accepted is of the promised ballot (PI5) and was proposed in it, and what is chosen stays. */
function writeBlock(passage: Passage, event: Extract<Write, { what: 'block' }>): void {
  const { group, life, dropped } = passage
  const { block, truncate } = event
  const ballot = life.state.promised
  const at = show(block)
  check(block.term === ballot, 'accept-ballot', `accepts ${at}, has promised ${ballot}`)
  check(!truncate, 'no-truncation', `truncates at ${at}`)
  check(block.index > life.commit, 'commit-kept', `accepts ${at}, ${life.commit} is committed`)
  if (ownerOf(group, ballot) === life.node) writeOwn(passage, block)
  else {
    const isSent = life.turn.messages.some(({ from, message }) => {
      if (message.type !== (life.isVoter ? 'accept' : 'learn')) return false
      const isSource = message.type === 'learn' || (message.ballot === ballot && from === ownerOf(group, ballot))
      return isSource && message.blocks.some((each) => isSameValue(each, block))
    })
    check(isSent, 'append-asked', `accepts ${at}, which nobody has proposed`)
    if (!life.isVoter) life.learned = Math.max(life.learned, lastIndexOf(block))
  }
  offer(group, block)
  dropped.push(...life.log.put(block, event.write))
}

function writeOwn(passage: Passage, block: TracedBlock): void {
  const { life } = passage
  const ballot = block.term
  if (life.lead?.ballot !== ballot) {
    // What others know to be chosen is taken over before it leads.
    if (block.index === learnedTo(life) + 1 && isTold(life, block)) {
      life.learned = lastIndexOf(block)
      return
    }
    check(leads(passage, ballot), 'append-asked', `makes up ${show(block)} without leading`)
    lead(passage, ballot)
  }
  const { lead: own, turn } = life
  check(own !== undefined, 'append-asked', `makes up ${show(block)} without leading`)
  check(block.index === own.lastIndex + 1, 'no-hole', `proposes ${show(block)} behind ${own.lastIndex}`)
  own.lastIndex = lastIndexOf(block)
  if (own.due > 0) {
    own.due--
    return
  }
  const isProposed = turn.proposed.some((each) => isSameBlock(each, block))
  const isNoOp = own.mayAddNoOp && block.count === 1
  check(proposedIn(block) === ballot && (isProposed || isNoOp), 'append-asked', `leads and makes up ${show(block)}`)
  own.mayAddNoOp = false
}

/** Known to be chosen, in phase 1. */
function learnedTo({ commit, learned }: Life): number {
  return Math.max(commit, learned)
}

/** True when an acceptor has told in phase 1 that this block is chosen. */
function isTold({ promises }: Life, block: TracedBlock): boolean {
  const told = promises.get(block.term) ?? []
  return told.some(
    ({ message: { chosen, blocks } }) =>
      lastIndexOf(block) <= chosen && blocks.some((each) => isSameValue(each, block)),
  )
}

// ------------------------------------------------------------------------------------------------------------- roles

function leads({ run }: Passage, ballot: number): boolean {
  return run.some((event) => event.type === 'role' && event.role === 'leader' && event.term === ballot)
}

/** A majority has promised, and what it proposes follows from what they have told (PI6, PI9, PI10). */
function lead(passage: Passage, ballot: number): void {
  const { group, life, run } = passage
  if (life.lead?.ballot === ballot) return
  check(ownerOf(group, ballot) === life.node, 'ballot-owner', `leads ballot ${ballot}, which is not its own`)
  const written = life.ballotWrites.get(ballot)
  const isKept = written !== undefined && written <= life.durable
  check(isKept, 'elected', `leads ballot ${ballot} before its own promise is durable`)
  const known = learnedTo(life)
  const actual = run
    .filter((event) => event.type === 'write' && event.what === 'block')
    .map(({ block }) => block)
    .filter((block) => block.term === ballot && block.index > known)
  const due = fitsPhase1({
    ballot,
    quorum: life.quorum,
    known,
    knownTerm: proposedIn(life.log.at(known)?.block ?? { index: 0, count: 0, term: 0 }),
    own: life.log.from(known + 1).map(({ block }) => block),
    promises: (life.promises.get(ballot) ?? []).filter(({ from }) => group.voters.includes(from)),
    actual,
  })
  check(due !== 'no-majority', 'elected', `leads ballot ${ballot}, a majority has not told what is behind ${known}`)
  const text = actual.map(show).join(', ')
  check(due !== 'other-values', 'choice', `proposes ${text} behind ${known}, which is not what was found`)
  life.lead = { ballot, lastIndex: known, due, mayAddNoOp: true }
  group.leaders.set(ballot, life.node)
}

function changeRole(passage: Passage, { role, term, leader }: RoleEvent): void {
  const { group, life, ballots } = passage
  check(ballots.has(term), 'role-term', `is ${role} of ballot ${term}, which it is not in`)
  if (role === 'candidate') {
    check(ownerOf(group, term) === life.node, 'ballot-owner', `campaigns in ballot ${term}, which is not its own`)
  } else if (role === 'leader') {
    lead(passage, term)
    check(life.lead?.due === 0, 'choice', `leads ballot ${term} and has not proposed what was found`)
  } else if (leader !== null) {
    check(leader === group.leaders.get(term), 'known-leader', `follows ${leader}, who does not lead ballot ${term}`)
  }
}

// ------------------------------------------------------------------------------------------------------------ commit

/** Commit grows block by block, without hole (PI8), over what is chosen in fact and known to be (PI3). */
function commit(passage: Passage): void {
  const { group, life, ballots } = passage
  const { commit: index } = passage
  check(index > life.commit, 'commit-grows', `commit falls from ${life.commit} to ${index}`)
  while (life.commit < index) {
    const slot = life.log.at(life.commit + 1)
    check(slot !== undefined, 'commit-in-log', `commits ${index}, ${life.commit + 1} is a hole`)
    const { block } = slot
    const last = lastIndexOf(block)
    check(block.index === life.commit + 1 && last <= index, 'commit-in-log', `commits a part of ${show(block)}`)
    const { lead: own } = life
    if (life.learned < last && own?.ballot === block.term) {
      let holders = slot.write <= life.durable ? 1 : 0
      for (const { match, spans } of life.accepted.get(block.term)?.values() ?? []) {
        if (last <= match || spans.some((span) => span.first <= block.index && last <= span.last)) holders++
      }
      check(holders >= life.quorum, 'commit-majority', `commits ${show(block)}, which ${holders} nodes have accepted`)
    } else if (life.learned < last) {
      check(ballots.has(block.term), 'commit-ballot', `commits ${show(block)}, accepted in an earlier ballot`)
      check((life.told.get(block.term) ?? 0) >= last, 'commit-told', `commits ${show(block)} untold`)
    }
    for (let i = block.index; i <= last; i++) {
      const chosen = group.chosen.get(i)
      const isSo = chosen !== undefined && isSameValue(chosen, block)
      check(isSo, 'commit-chosen', `commits ${show(block)}, which no majority has accepted`)
    }
    life.commit = last
  }
}

// ---------------------------------------------------------------------------------------------------------- messages

function send(passage: Passage, event: Send): void {
  const { group, life, ballots } = passage
  const { to, after } = event
  const message = paxosMessage(event.message)
  check(message !== undefined, 'message', `${event.message.type} is no message of Paxos`)
  const { type, ballot } = message
  const isOwn = ownerOf(group, ballot) === life.node
  if (type === 'probe') {
    check(isOwn && life.isVoter, 'ballot-owner', `asks about ballot ${ballot}, which is not its own`)
    return
  }
  check(ballots.has(ballot), 'own-ballot', `speaks of ballot ${ballot}, which it has not promised`)
  const durable = Math.max(after, life.durable)
  const promised = life.ballotWrites.get(ballot)
  // What is told is kept over a crash (PI4).
  const isKept = ballot === 0 || (promised !== undefined && promised <= durable)
  check(isKept, 'promise-durable', `tells of ballot ${ballot} before it is durable`)
  switch (type) {
    case 'probe-reply': {
      const isAsked = life.turn.messages.some(
        ({ from, message: each }) => from === to && each.type === 'probe' && each.ballot === message.asked,
      )
      check(isAsked, 'reply-asked', `answers a probe that was not made`)
      check(!message.granted || message.asked > ballot, 'probe-granted', `would promise ${message.asked} in ${ballot}`)
      return
    }
    case 'prepare':
      check(isOwn && life.isVoter, 'ballot-owner', `asks for ballot ${ballot}, which is not its own`)
      check(!message.handover || life.handedOver.has(ballot), 'transfer-asked', `says that a leader hands over`)
      return
    case 'promise':
      sendPromise(passage, to, message, durable)
      return
    case 'refusal': {
      const isAsked = life.turn.messages.some(
        ({ from, message: each }) => from === to && each.ballot === message.refused,
      )
      check(isAsked, 'reply-asked', `refuses ballot ${message.refused}, in which ${to} has not spoken`)
      return
    }
    case 'accepted':
      sendAccepted(passage, to, message, durable)
      return
    case 'accept':
    case 'heartbeat':
    case 'handover':
    case 'feeding':
      sendAsLeader(passage, to, message)
      return
    case 'barrier-request':
      return
    case 'barrier-reply': {
      const { id, index } = message
      if (index === undefined) return
      check(group.leaders.get(ballot) === life.node, 'only-leader', `answers readers of ${to} without leading`)
      const quorum = Math.floor(group.voters.length / 2) + 1
      life.readers.mayAnswer(to, id, { term: ballot, index, commit: passage.commit, quorum })
      return
    }
    case 'learn': {
      const isSo = message.commit <= passage.commit && message.blocks.every((each) => isChosenHere(passage, each))
      check(isSo, 'learn-chosen', `teaches what it does not know to be chosen`)
      return
    }
    case 'learned': {
      const isSo = message.match <= passage.commit && message.match < endOf(passage, ballot, 1, durable)
      check(!life.isVoter && isSo, 'match-durable', `has learned ${message.match}, which is not durable`)
      return
    }
  }
}

function isChosenHere({ life, commit: end }: Passage, block: TracedBlock): boolean {
  const held = life.log.at(block.index)?.block
  return lastIndexOf(block) <= end && held !== undefined && isSameValue(held, block)
}

/** An acceptor tells all that it has accepted below the ballot, and only what is so and durable (PI4, PI6). */
function sendPromise(passage: Passage, to: NodeId, message: PromiseMessage, durable: number): void {
  const { group, life, dropped } = passage
  const { ballot, asked, blocks, chosen, next = Number.POSITIVE_INFINITY } = message
  check(ownerOf(group, ballot) === to, 'ballot-owner', `promises ballot ${ballot} to ${to}, whose it is not`)
  check(life.prepares.has(`${ballot}/${to}/${asked}`), 'reply-asked', `answers a prepare that was not made`)
  check(life.isVoter && chosen <= passage.commit, 'promise-so', `says that ${chosen} is chosen`)
  for (const block of blocks) {
    const held = life.log.at(block.index)
    const slot = [held, ...dropped].find((each) => each !== undefined && isSameBlock(each.block, block))
    check(slot !== undefined, 'promise-so', `says that it has accepted ${show(block)}, which is not so`)
    check(slot.write <= durable, 'promise-durable', `tells of ${show(block)} before it is durable`)
  }
  const told = new Set(blocks.map(({ index }) => index))
  for (const { block } of life.log.from(asked)) {
    if (block.index >= next) break
    const isDue = block.term < ballot || block.index <= chosen
    check(!isDue || told.has(block.index), 'promise-whole', `keeps ${show(block)} to itself`)
  }
}

/** An acceptance is of the ballot's own blocks, or what is chosen, and durable (PI4). */
function sendAccepted(passage: Passage, to: NodeId, message: AcceptedMessage, durable: number): void {
  const { group, life } = passage
  const { ballot, match, received, span } = message
  check(group.leaders.get(ballot) === to, 'known-leader', `reports to ${to}, who does not lead ballot ${ballot}`)
  const isAsked = life.turn.messages.some(
    ({ from, message: each }) => from === to && (each.type === 'accept' || each.type === 'heartbeat'),
  )
  check(isAsked && life.isVoter, 'reply-asked', `answers what ${to} has not asked`)
  check(match <= received, 'match-received', `matches ${match} and has received ${received}`)
  const has = (first: number, last: number, upTo: number): boolean => last < endOf(passage, ballot, first, upTo)
  const whole = Number.POSITIVE_INFINITY
  check(has(life.settled + 1, received, whole), 'match-agrees', `has not received all to ${received} in ${ballot}`)
  check(has(life.settled + 1, match, durable), 'match-durable', `matches ${match}, which is not durable`)
  if (span === undefined) return
  const { first, last } = span
  check(has(first, last, whole), 'match-agrees', `does not have ${first} to ${last} in ballot ${ballot}`)
  check(has(first, last, durable), 'match-durable', `has ${first} to ${last}, which is not durable`)
}

/** The first index from here on that is neither chosen nor accepted in this ballot, by a write up to that one. */
function endOf({ life, dropped, commit: chosen }: Passage, ballot: number, from: number, upTo: number): number {
  const isFit = ({ block, write }: Slot): boolean =>
    write <= upTo && (block.term === ballot || lastIndexOf(block) <= chosen)
  for (let index = from; ; ) {
    const here = [life.log.at(index), ...dropped.filter(({ block }) => block.term === ballot && isIn(block, index))]
    const slot = here.find((each) => each !== undefined && isFit(each))
    if (slot === undefined) return index
    index = lastIndexOf(slot.block) + 1
  }
}

function isIn(block: TracedBlock, index: number): boolean {
  return block.index <= index && index <= lastIndexOf(block)
}

/** Only who leads a ballot proposes in it, and tells of no more than it knows. */
function sendAsLeader(
  passage: Passage,
  to: NodeId,
  message: Message<'accept' | 'heartbeat' | 'handover' | 'feeding'>,
): void {
  const { group, life } = passage
  const { type, ballot } = message
  check(group.leaders.get(ballot) === life.node, 'only-leader', `sends ${type} of ballot ${ballot} without leading it`)
  if (type === 'handover') {
    const match = life.accepted.get(ballot)?.get(to)?.match ?? 0
    check(match >= passage.proposedTo, 'transfer-ready', `hands over to ${to}, who has ${match}`)
  }
  if (type === 'handover' || type === 'feeding') return
  check(message.commit <= passage.commit, 'commit-told', `tells of commit ${message.commit}, has ${passage.commit}`)
  if (type === 'heartbeat') {
    life.readers.sent(ballot, message.round)
    return
  }
  let next = message.blocks[0]?.index ?? 0
  check(next > 0, 'message', 'an accept without blocks is none')
  for (const block of message.blocks) {
    const held = life.log.at(block.index)?.block
    const isSo = held !== undefined && isSameValue(held, block) && (held.term === ballot || isChosenHere(passage, held))
    check(block.index === next && block.term === ballot && isSo, 'own-log', `proposes ${show(block)} to others alone`)
    offer(group, block)
    next = lastIndexOf(block) + 1
  }
}

function show(block: TracedBlock): string {
  const { index, count, term } = block
  const first = proposedIn(block) === term ? '' : `, first in ${proposedIn(block)}`
  return `${index}${count > 1 ? `..${lastIndexOf(block)}` : ''}@${term}${first}`
}
