// Three nodes in one process: who leads, what a follower answers, and what becomes of a write.

import { createEngine, type ReplicationEngine } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { memoryLog } from '@mako/store/log'
import { memoryNetwork } from '@mako/transport'

const members = ['a', 'b', 'c'].map((id) => ({ id, address: id }))
const network = memoryNetwork()

// A node is a protocol over a log and a network. Swap any of them, and the rest stays the same.
const nodes = members.map(({ id }) =>
  createEngine({ protocol: paxos(), nodeId: id, members, log: memoryLog(), transport: network.transport() }),
)

// Every committed entry comes to every node, exactly once and in order.
const applied = nodes.map(
  (node) =>
    new Promise<void>((resolve) => {
      const apply = ({ index, payload }: { index: number; payload: Uint8Array }): string => {
        console.log(`${node.nodeId} applies ${index}: ${new TextDecoder().decode(payload)}`)
        resolve()
        return `done by ${node.nodeId}`
      }
      node.onApply({ leader: apply, follower: apply })
    }),
)

const elected = new Promise<ReplicationEngine>((resolve) => {
  for (const node of nodes) node.on('leader', () => resolve(node))
})
await Promise.all(nodes.map((node) => node.start()))
const leader = await elected
console.log(`${leader.nodeId} leads`)

// A follower takes nothing, and says where to go.
const follower = nodes.find((node) => node !== leader && node.leaderHint()?.nodeId === leader.nodeId)
const refused = follower?.addLog(new TextEncoder().encode('hello'))
if (refused?.status === 'NOT_LEADER') console.log(`a follower answers NOT_LEADER, ask ${refused.leaderHint?.nodeId}`)

// The leader takes it at once, and later says what became of it.
const accepted = leader.addLog(new TextEncoder().encode('hello'))
if (accepted.status === 'SUCCESS') {
  const outcome = await accepted.outcome
  console.log(`${outcome.status}: ${outcome.status === 'APPLIED' ? String(outcome.value) : 'ask again'}`)
}

await Promise.all(applied)
await Promise.all(nodes.map((node) => node.stop()))
