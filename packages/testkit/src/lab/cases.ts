// The eleven cases of Mako's Raft lab, by their names and with their thresholds (upstream: src/deptran/raft/test.cc).
//
// Always true: a case begins with a fresh lab whose nodes are up, and throws when it does not hold.

import type { NodeId } from '@mako/engine'
import { AGREEMENT_LIMIT_MS, ELECTION_LIMIT_MS, type Lab } from './lab.ts'

export interface LabCase {
  readonly number: number
  readonly name: string
  /** What the case needs of a protocol: for the last kind see `exactIndexes`. */
  readonly needs: 'nothing' | 'old terms are not committed by count'
  readonly run: (lab: Lab) => Promise<void>
}

/** Three heartbeats: on a network without faults everybody has heard of everything by then. */
const SETTLE_MS = 300

/** Tries until the right node wins an election that anybody may win; one in four does. */
const MOST_TRIES = 60

/** Within half a second there is one leader in one term, and both stay. */
async function initialElection(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader(500)
  await lab.run(SETTLE_MS)
  const term = lab.oneTerm()
  lab.expect(term >= 1, 'a term')
  await lab.run(ELECTION_LIMIT_MS)
  lab.expect((await lab.oneLeader(0)) === leader, `${leader} to lead still`)
  lab.expect(lab.oneTerm() === term, `term ${term} still`)
}

/** A leader that is cut off is replaced and does not disturb when it comes back; without a majority nobody leads. */
async function reElection(lab: Lab): Promise<void> {
  const first = await lab.oneLeader()
  lab.disconnect(first)
  const second = await lab.oneLeader()
  lab.expect(second !== first, 'another leader')
  lab.connect(first)
  await lab.run(ELECTION_LIMIT_MS)
  lab.expect((await lab.oneLeader(0)) === second, `${second} to lead still`)

  const cut = [second, ...others(lab, second).slice(0, 2)]
  lab.disconnect(...cut)
  await lab.run(ELECTION_LIMIT_MS)
  lab.noLeader()
  lab.connect(cut[2]!)
  await lab.oneLeader()
  lab.connect()
  await lab.oneLeader()
  await lab.run(SETTLE_MS)
  lab.oneTerm()
}

/** Three commands: nobody has them before they are started, and everybody has them at exactly the next position. */
async function basicAgree(lab: Lab): Promise<void> {
  await lab.oneLeader()
  for (let position = 1; position <= 3; position++) {
    lab.expect(lab.at(position).nodes === 0, `nothing at ${position} yet`)
    const command = String(200 + position)
    lab.expect((await lab.agree(command, 5)) === position, `${command} at ${position}`)
    lab.expect(lab.at(position).nodes === 5, `${command} on all`)
  }
}

/** Two followers may be missing, and get what they have missed. */
async function failAgree(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  lab.expect((await lab.agree('400', 5)) === 1, '400 at 1')
  lab.disconnect(...others(lab, leader).slice(0, 2))
  for (const [at, command] of ['401', '402', '403', '404'].entries()) {
    lab.expect((await lab.agree(command, 3)) === at + 2, `${command} at ${at + 2}`)
    lab.expect(lab.applied(command) === 3, `${command} on three`)
  }
  lab.connect()
  lab.expect((await lab.agree('405', 5)) === 6, '405 at 6')
  lab.expect((await lab.agree('406', 5)) === 7, '406 at 7')
  for (let position = 1; position <= 7; position++) lab.expect(lab.at(position).nodes === 5, `all at ${position}`)
}

/** Without a majority a command is accepted and never committed; with it the next one is. */
async function failNoAgree(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  lab.expect((await lab.agree('500', 5)) === 1, '500 at 1')
  lab.disconnect(...others(lab, leader).slice(0, 3))
  const { index } = lab.mustStart(leader, '501')
  if (lab.exactIndexes) lab.expect(index === 2, `501 accepted at 2, not at ${index}`)
  await lab.run(ELECTION_LIMIT_MS)
  lab.expect(lab.applied('501') === 0, '501 on nobody')
  lab.connect()
  const position = await lab.agree('502', 5)
  // Whether 501 was lost or not is decided by who leads now.
  lab.expect(position === 2 || position === 3, `502 at 2 or 3, not at ${position}`)
}

/** What a leader took that was cut off is never committed, whoever leads later. */
async function rejoin(lab: Lab): Promise<void> {
  const first = await lab.oneLeader()
  lab.expect((await lab.agree('601', 5)) === 1, '601 at 1')
  lab.disconnect(first)
  for (const command of ['602', '603', '604']) lab.mustStart(first, command)
  const second = await lab.oneLeader()
  lab.expect((await lab.agree('605', 4)) === 2, '605 at 2')
  lab.expect((await lab.agree('606', 4)) === 3, '606 at 3')
  lab.disconnect(second)
  lab.connect(first)
  const third = await lab.oneLeader()
  lab.expect(third !== second, 'a third leader')
  await lab.agree('607', 4)
  await lab.agree('608', 4)
  lab.connect()
  const position = await lab.agree('609', 5)
  for (let at = 1; at <= position; at++) lab.expect(lab.at(at).nodes === 5, `all at ${at}`)
  for (const command of ['602', '603', '604']) lab.expect(lab.applied(command) === 0, `${command} on nobody`)
}

/** Five commands that are started at once in one term have five positions. */
async function concurrentStarts(lab: Lab): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const leader = await lab.oneLeader()
    const commands = [1, 2, 3, 4, 5].map((client) => `70${round}.${client}`)
    const started = commands.map((command) => lab.start(leader, command))
    // Upstream: at most five tries when the term moves in between.
    if (started.some((each) => each?.term !== started[0]?.term)) continue
    lab.expect(
      started.every((each) => each !== undefined),
      'all five to be accepted',
    )
    lab.expect(new Set(started.map((each) => each!.index)).size === 5, 'five indexes')
    await lab.until(() => commands.every((command) => lab.applied(command) === 5), AGREEMENT_LIMIT_MS, 'all on all')
    const positions = commands.map((command) => lab.position(command))
    lab.expect(new Set(positions).size === 5, 'five positions')
    return
  }
  lab.expect(false, 'one term to last for five starts')
}

/** Fifty entries that were never committed on two nodes give way to fifty that were, quickly. */
async function backup(lab: Lab): Promise<void> {
  const first = await lab.oneLeader()
  lab.expect((await lab.agree('800', 5)) === 1, '800 at 1')
  const [companion, ...rest] = others(lab, first)
  lab.split([first, companion!], rest)
  let index = 0
  for (let i = 1; i <= 50; i++) ({ index } = lab.mustStart(first, `lost ${i}`))
  await lab.until(() => durable(lab, companion!) >= index, SETTLE_MS, 'all fifty on the companion')
  lab.split([first], [companion!], rest)
  await lab.until(() => rest.some((id) => lab.claimants().includes(id)), ELECTION_LIMIT_MS, 'a leader of the three')
  const kept = Array.from({ length: 50 }, (_, i) => `kept ${i + 1}`)
  for (const command of kept) await lab.agree(command, 3)
  lab.split()
  const position = await lab.agree('801', 5, AGREEMENT_LIMIT_MS)
  lab.expect(position === 52, `801 at 52, not at ${position}`)
  for (let at = 1; at <= position; at++) lab.expect(lab.at(at).nodes === 5, `all at ${at}`)
  for (let i = 1; i <= 50; i++) lab.expect(lab.applied(`lost ${i}`) === 0, `lost ${i} on nobody`)
}

/** Calls: 2 to 30 for the first election, at most 55 for ten agreements, at most 60 in a second without work. */
async function count(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  lab.expect(lab.calls >= 2 && lab.calls <= 30, `2 to 30 calls for an election, not ${lab.calls}`)
  await lab.agree('900', 5)
  await lab.run(SETTLE_MS)

  let before = lab.calls
  const commands = Array.from({ length: 10 }, (_, i) => String(901 + i))
  for (const command of commands) lab.mustStart(leader, command)
  await lab.until(() => commands.every((command) => lab.applied(command) === 5), AGREEMENT_LIMIT_MS, 'ten agreements')
  const agreements = lab.calls - before
  lab.expect(agreements <= 55, `at most 55 calls for ten agreements, not ${agreements}`)

  await lab.run(SETTLE_MS)
  before = lab.calls
  await lab.run(1000)
  const idle = lab.calls - before
  lab.expect(idle <= 60, `at most 60 calls in a second without work, not ${idle}`)
}

/** 49 rounds of five concurrent agreements on a network that cuts nodes off and delays everything. */
async function unreliableAgree(lab: Lab): Promise<void> {
  await lab.oneLeader()
  lab.setUnreliable(true)
  for (let round = 1; round <= 49; round++) {
    const commands = [1, 2, 3, 4, 5].map((client) => `10${round}.${client}`)
    await lab.agreeOnAll(commands, 1)
  }
  lab.setUnreliable(false)
  const position = await lab.agree('1060', 5)
  for (let at = 1; at <= position; at++) lab.expect(lab.at(at).nodes === 5, `all at ${at}`)
}

/**
 * Figure 8 of the Raft paper: an entry of an old term that is on a majority is not committed by counting. It is committed,
 * with its value, together with the first entry of the new term.
 */
async function figure8(lab: Lab): Promise<void> {
  for (let round = 1; round <= MOST_TRIES; round++) {
    const first = await lab.oneLeader()
    const base = await lab.agree(`begin ${round}`, 5)
    const [holder, ...rest] = others(lab, first)
    const old = `old ${round}`
    lab.split([first, holder!], rest)
    const { index } = lab.mustStart(first, old)
    await lab.until(() => durable(lab, holder!) >= index, SETTLE_MS, `${old} on the disk of ${holder!}`)
    // The others elect somebody. Only when that is the one that holds the old entry does the case begin.
    lab.split([first], [holder!, ...rest])
    const leads = (): boolean => [holder!, ...rest].some((id) => lab.claimants().includes(id))
    await lab.until(leads, ELECTION_LIMIT_MS, 'a leader of the four')
    if (!lab.claimants().includes(holder!)) {
      lab.split()
      await lab.agree(`end ${round}`, 5)
      continue
    }
    await lab.run(2000)
    const copies = rest.filter((id) => durable(lab, id) >= index).length + 1
    lab.expect(copies === 4, `${old} on the disks of four`)
    lab.expect(lab.at(base + 1).nodes === 0, `nothing committed at ${base + 1}`)
    lab.expect((await lab.agree(`new ${round}`, 4)) === base + 2, `the new entry at ${base + 2}`)
    lab.expect(lab.at(base + 1).command === old, `${old} at ${base + 1}`)
    lab.split()
    await lab.agree(`end ${round}`, 5)
    lab.expect(lab.at(base + 1).nodes === 5, `${old} on all`)
    return
  }
  lab.expect(false, `the right node to win one of ${MOST_TRIES} elections`)
}

/** All nodes but this one, the next one first. */
export function others(lab: Lab, id: NodeId): readonly NodeId[] {
  const at = lab.ids.indexOf(id)
  return [...lab.ids.slice(at + 1), ...lab.ids.slice(0, at)]
}

function durable(lab: Lab, id: NodeId): number {
  return lab.cluster.node(id).engine?.status().partitions[0]?.durableIndex ?? 0
}

export const LAB_CASES: readonly LabCase[] = [
  { number: 1, name: 'InitialElection', needs: 'nothing', run: initialElection },
  { number: 2, name: 'ReElection', needs: 'nothing', run: reElection },
  { number: 3, name: 'BasicAgree', needs: 'nothing', run: basicAgree },
  { number: 4, name: 'FailAgree', needs: 'nothing', run: failAgree },
  { number: 5, name: 'FailNoAgree', needs: 'nothing', run: failNoAgree },
  { number: 6, name: 'Rejoin', needs: 'nothing', run: rejoin },
  { number: 7, name: 'ConcurrentStarts', needs: 'nothing', run: concurrentStarts },
  { number: 8, name: 'Backup', needs: 'nothing', run: backup },
  { number: 9, name: 'Count', needs: 'nothing', run: count },
  { number: 10, name: 'UnreliableAgree', needs: 'nothing', run: unreliableAgree },
  { number: 11, name: 'Figure8', needs: 'old terms are not committed by count', run: figure8 },
]
