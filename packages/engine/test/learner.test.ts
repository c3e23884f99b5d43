// A learner under the real runtime: it applies everything, leads nothing, and is no voter.

import { createEngine, type Member, MakoError, type ReplicationEngine } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { raft } from '@mako/raft'
import { memoryLog } from '@mako/store/log'
import { memoryNetwork } from '@mako/transport'
import { expect, it } from 'vitest'

const MEMBERS: readonly Member[] = [
  { id: 'a', address: 'a' },
  { id: 'b', address: 'b' },
  { id: 'c', address: 'c' },
  { id: 'x', address: 'x', learner: true },
]

it('applies what the voters commit, refuses writes with a hint, and goes on without one of them', async () => {
  const network = memoryNetwork()
  const timings = { heartbeatMs: 20, electionTimeoutMs: 200, tickMs: 5 }
  const nodes = MEMBERS.map(({ id }) =>
    createEngine({
      protocol: paxos(timings),
      nodeId: id,
      members: MEMBERS,
      log: memoryLog(),
      transport: network.transport(),
    }),
  )
  const learner = nodes[3]!
  const seen: string[] = []
  let told = (): void => undefined
  for (const node of nodes) {
    const apply = (entry: { payload: Uint8Array }): void => {
      if (node !== learner) return
      seen.push(new TextDecoder().decode(entry.payload))
      told()
    }
    node.onApply({ leader: apply, follower: apply })
  }
  const elected = (among: readonly ReplicationEngine[]): Promise<ReplicationEngine> =>
    new Promise((resolve) => {
      for (const node of among) node.on('leader', () => resolve(node))
    })
  const learned = (count: number): Promise<void> =>
    new Promise((resolve) => {
      told = () => {
        if (seen.length >= count) resolve()
      }
      told()
    })
  const first = elected(nodes)
  await Promise.all(nodes.map((node) => node.start()))
  const leader = await first
  expect(leader).not.toBe(learner)
  expect(leader.addLog(new TextEncoder().encode('one')).status).toBe('SUCCESS')
  await learned(1)
  expect(learner.addLog(new Uint8Array(1))).toMatchObject({
    status: 'NOT_LEADER',
    leaderHint: { nodeId: leader.nodeId },
  })
  const rest = nodes.filter((node) => node !== leader)
  const second = elected(rest)
  await leader.stop()
  const next = await second
  expect(next).not.toBe(learner)
  expect(next.addLog(new TextEncoder().encode('two')).status).toBe('SUCCESS')
  await learned(2)
  expect(seen).toEqual(['one', 'two'])
  await Promise.all(rest.map((node) => node.stop()))
})

it('is refused by a protocol that has no learners', async () => {
  const node = createEngine({
    protocol: raft(),
    nodeId: 'a',
    members: MEMBERS,
    log: memoryLog(),
    transport: memoryNetwork().transport(),
  })
  node.onApply({ leader: () => undefined, follower: () => undefined })
  await expect(node.start()).rejects.toThrow(MakoError)
})
