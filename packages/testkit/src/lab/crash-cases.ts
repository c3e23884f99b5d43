// Cases 12 to 19 of Mako's Raft lab: the same questions with processes that end and come back over what their disks kept.
//
// Always true: what was agreed before a crash is agreed after it, at the same position; a node that has come back
// applies everything anew, from the first entry.

import type { NodeId } from '@mako/engine'
import { between, chance, pick, stream } from '../world/random.ts'
import { type LabCase, others } from './cases.ts'
import { ELECTION_LIMIT_MS, type Lab } from './lab.ts'

/** Ends these processes, agrees without them, brings them back, and agrees on all five. */
async function crashAndReturn(lab: Lab, name: string, crashed: readonly NodeId[]): Promise<void> {
  lab.crash(...crashed)
  await lab.oneLeader()
  const up = 5 - crashed.length
  await lab.agree(`${name} without`, up)
  lab.restart(...crashed)
  const position = await lab.agree(`${name} with`, 5)
  for (let at = 1; at <= position; at++) lab.expect(lab.at(at).nodes === 5, `all at ${at}`)
}

/** 12: a follower. */
async function crashFollower(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  await lab.agree('1200', 5)
  await crashAndReturn(lab, '1201', others(lab, leader).slice(0, 1))
}

/** 13: two followers. */
async function crashTwoFollowers(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  await lab.agree('1300', 5)
  await crashAndReturn(lab, '1301', others(lab, leader).slice(0, 2))
}

/** 14: the leader and a follower. */
async function crashLeaderAndFollower(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  await lab.agree('1400', 5)
  await crashAndReturn(lab, '1401', [leader, others(lab, leader)[0]!])
}

/** 15: five rounds, each with one or two nodes drawn at random. */
async function crashRounds(lab: Lab): Promise<void> {
  const random = stream(lab.seed, 'crash rounds')
  await lab.oneLeader()
  for (let round = 1; round <= 5; round++) {
    const first = pick(random, lab.ids)
    const second = pick(random, lab.ids)
    await crashAndReturn(lab, `150${round}`, [...new Set([first, second])])
  }
}

/** 16: a follower is cut off, the leader crashes; three must go on, and both come back. */
async function partitionThenCrash(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  await lab.agree('1600', 5)
  const [cut] = others(lab, leader)
  lab.disconnect(cut!)
  await lab.agree('1601', 4)
  lab.crash(leader)
  await lab.oneLeader()
  await lab.agree('1602', 3)
  lab.connect()
  await lab.agree('1603', 4)
  lab.restart(leader)
  const position = await lab.agree('1604', 5)
  for (let at = 1; at <= position; at++) lab.expect(lab.at(at).nodes === 5, `all at ${at}`)
}

/** 17: a leader is cut off with one follower, takes commands, and crashes; what it took must not come back. */
async function crashInMinority(lab: Lab): Promise<void> {
  const leader = await lab.oneLeader()
  await lab.agree('1700', 5)
  const [companion, ...majority] = others(lab, leader)
  lab.split([leader, companion!], majority)
  lab.mustStart(leader, 'lost 1')
  lab.mustStart(leader, 'lost 2')
  await lab.run(50)
  lab.crash(leader, companion!)
  await lab.until(() => lab.claimants().length > 0, ELECTION_LIMIT_MS, 'a leader of the three')
  await lab.agree('1701', 3)
  lab.restart(leader, companion!)
  await lab.run(ELECTION_LIMIT_MS)
  lab.split()
  const position = await lab.agree('1702', 5)
  lab.expect(lab.applied('lost 1') === 0 && lab.applied('lost 2') === 0, 'what the minority took on nobody')
  for (let at = 1; at <= position; at++) lab.expect(lab.at(at).nodes === 5, `all at ${at}`)
}

/** 18: all five crash at once, with commands under way, while the network is parted; nothing that was agreed is lost. */
async function crashAll(lab: Lab): Promise<void> {
  for (let round = 1; round <= 3; round++) {
    const leader = await lab.oneLeader()
    const agreed = await lab.agree(`180${round} agreed`, 5)
    const [companion, ...majority] = others(lab, leader)
    lab.split([leader, companion!], majority)
    lab.start(leader, `180${round} under way`)
    await lab.run(round)
    lab.crash(...lab.ids)
    lab.split()
    lab.restart(...lab.ids)
    await lab.oneLeader()
    await lab.agree(`180${round} after`, 5)
    lab.expect(lab.at(agreed).nodes === 5, `what was agreed at ${agreed} on all`)
    lab.expect(lab.at(agreed).command === `180${round} agreed`, `what was agreed to be at ${agreed}`)
  }
}

/** 19: figure 8 with crashes: leaders take commands and crash, soon or late; in the end all five agree. */
async function figure8Crash(lab: Lab): Promise<void> {
  const random = stream(lab.seed, 'figure 8')
  const down: NodeId[] = []
  for (let round = 1; round <= 200; round++) {
    const leader = lab.ids.find((id) => lab.start(id, `190.${round}`) !== undefined)
    await lab.run(chance(random, 0.1) ? between(random, 1, 250) : between(random, 1, 13))
    if (leader !== undefined) {
      lab.crash(leader)
      down.push(leader)
    }
    // Three of five stay up.
    while (down.length > 2) lab.restart(down.shift()!)
    if (leader === undefined) await lab.run(50)
  }
  lab.restart(...down)
  await lab.oneLeader()
  const position = await lab.agree('1999', 5)
  for (let at = 1; at <= position; at++) lab.expect(lab.at(at).nodes === 5, `all at ${at}`)
}

export const CRASH_CASES: readonly LabCase[] = [
  { number: 12, name: 'CrashFollower', needs: 'nothing', run: crashFollower },
  { number: 13, name: 'CrashTwoFollowers', needs: 'nothing', run: crashTwoFollowers },
  { number: 14, name: 'CrashLeaderAndFollower', needs: 'nothing', run: crashLeaderAndFollower },
  { number: 15, name: 'CrashRounds', needs: 'nothing', run: crashRounds },
  { number: 16, name: 'PartitionThenCrash', needs: 'nothing', run: partitionThenCrash },
  { number: 17, name: 'CrashInMinority', needs: 'nothing', run: crashInMinority },
  { number: 18, name: 'CrashAll', needs: 'nothing', run: crashAll },
  { number: 19, name: 'Figure8Crash', needs: 'nothing', run: figure8Crash },
]
