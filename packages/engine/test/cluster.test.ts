// Three engines with Raft, four partitions led together: in memory, and on real files and sockets.

import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryDisk, memoryLog, openFileLog, type MemoryDisk } from '@mako/store/log'
import { memoryNetwork, tcpTransport, type MemoryNetwork } from '@mako/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { historyOf, leaderOf, level, life, logOf, PARTITIONS, until, write, type Life } from './cluster.ts'
import { bytes } from './fakes.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const IDS = ['a', 'b', 'c']
const texts = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `entry ${from + i}`)

async function started<T extends Life>(made: T): Promise<T> {
  cleanUps.push(() => made.engine.stop())
  await made.engine.start()
  return made
}

/** Everything was applied on all nodes, the same, in order and without a gap; returns how much. */
function expectSameHistories(lives: readonly Life[]): number {
  let total = 0
  for (const partition of PARTITIONS) {
    const first = historyOf(lives[0]!, partition)
    for (const other of lives.slice(1)) expect(historyOf(other, partition)).toEqual(first)
    total += first.length
  }
  return total
}

describe('a cluster in memory', () => {
  interface Memory {
    readonly network: MemoryNetwork
    readonly disks: Map<string, MemoryDisk>
    readonly start: (id: string) => Promise<Life>
  }

  function memory(apply?: (id: string) => (() => unknown) | undefined): Memory {
    const network = memoryNetwork()
    const disks = new Map(IDS.map((id) => [id, memoryDisk()]))
    const start = async (id: string): Promise<Life> => {
      const callback = apply?.(id)
      return await started(
        life({
          id,
          log: memoryLog(disks.get(id)),
          transport: network.transport(id),
          ...(callback && { apply: callback }),
        }),
      )
    }
    return { network, disks, start }
  }

  it('replays everything on followers whose callbacks are slow', async () => {
    // Every callback of a follower waits for a turn of the event loop; the leader's do not.
    const { start } = memory(() => () => new Promise((resolve) => setImmediate(resolve)))
    const lives = await Promise.all(IDS.map(start))
    const leader = await leaderOf(lives)
    await write(leader, texts(0, 2_000))
    await level(lives)
    expect(expectSameHistories(lives)).toBe(2_000)
    for (const each of lives) {
      const by = new Set(PARTITIONS.flatMap((partition) => each.seen.get(partition)!.map((item) => item.by)))
      expect([...by]).toEqual([each === leader ? 'leader' : 'follower'])
    }
    const logs = await Promise.all(lives.map((each) => Promise.all(PARTITIONS.map((p) => logOf(each, p)))))
    expect(logs[1]).toEqual(logs[0])
    expect(logs[2]).toEqual(logs[0])
  })

  it('survives its leader: another takes over, the old one comes back as a follower and catches up', async () => {
    const { start } = memory()
    const lives = await Promise.all(IDS.map(start))
    const first = await leaderOf(lives)
    await write(first, texts(0, 400))
    const open = first.engine.addLog(bytes('open when its leader stops'), { partition: 2 })
    await first.engine.stop()
    const rest = lives.filter((each) => each !== first)
    const second = await leaderOf(rest)
    expect(second.engine.leaderHint(0)).toMatchObject({ nodeId: second.id })
    await write(second, texts(400, 800))

    const again = await start(first.id)
    expect(again.engine.status().incarnation).toBe(2)
    const all = [...rest, again]
    await level(all)
    // The new life replays all of it through the follower callback, what its former life proposed included.
    expect(expectSameHistories(all)).toBeGreaterThanOrEqual(800)
    expect(PARTITIONS.every((p) => again.seen.get(p)!.every(({ by }) => by === 'follower'))).toBe(true)
    expect(again.engine.addLog(bytes('x'))).toMatchObject({
      status: 'NOT_LEADER',
      leaderHint: { nodeId: second.id, term: second.engine.leaderHint()!.term },
    })

    // What was open at the stop was UNKNOWN; its token now tells what is true on every node.
    if (open.status !== 'SUCCESS') throw new Error('the entry was not accepted')
    const outcome = await open.outcome
    if (outcome.status !== 'UNKNOWN') throw new Error(`expected UNKNOWN, got ${outcome.status}`)
    const truths = await Promise.all(all.map(async ({ engine }) => (await engine.outcomeOf(outcome.token)).status))
    const isThere = historyOf(again, 2).includes(`${open.index} open when its leader stops`)
    expect(truths).toEqual(Array(3).fill(isThere ? 'APPLIED' : 'LOST'))
  })

  it('hands a whole group over, once, and nothing that was written meanwhile goes missing', async () => {
    const { start } = memory()
    const lives = await Promise.all(IDS.map(start))
    const from = await leaderOf(lives)
    const to = lives.find((each) => each !== from)!
    await write(from, texts(0, 100))
    const termsBefore = from.engine.status().partitions.map(({ term }) => term)
    expect(await from.engine.transferLeadership(1, to.id)).toEqual({ status: 'DONE' })
    expect(await leaderOf(lives)).toBe(to)
    await write(to, texts(100, 200))
    await level(lives)
    expect(expectSameHistories(lives)).toBe(200)
    // Each partition has changed hands once: nobody has offered anything back on the way.
    expect(to.engine.status().partitions.map(({ term }) => term)).toEqual(termsBefore.map((term) => term + 1))
  })

  it('does not hand over to a node that is down, and goes on leading', async () => {
    const { start } = memory()
    const lives = await Promise.all(IDS.map(start))
    const leader = await leaderOf(lives)
    const [down, up] = lives.filter((each) => each !== leader)
    await down!.engine.stop()
    expect(await leader.engine.transferLeadership(0, down!.id)).toEqual({ status: 'ABORTED' })
    expect(await leader.engine.transferLeadership(0, leader.id)).toEqual({ status: 'ABORTED' })
    expect(await leader.engine.transferLeadership(0, 'nobody')).toEqual({ status: 'ABORTED' })
    await leaderOf([leader])
    await write(leader, texts(0, 40))
    // Without a name the one that is up is chosen, whoever comes first in the list of members.
    await until('the silence of the other is noticed', () =>
      leader.engine
        .status()
        .partitions.every(({ peers }) => (peers.find(({ id }) => id === down!.id)!.silentMs ?? 0) > 400),
    )
    expect(await leader.engine.transferLeadership(0)).toEqual({ status: 'DONE' })
    await leaderOf([up!])
  })

  it('gives no hint when the leader has lost its majority, and settles what was open when it is back', async () => {
    const { start, network } = memory()
    const lives = await Promise.all(IDS.map(start))
    const leader = await leaderOf(lives)
    const others = lives.filter((each) => each !== leader)
    await write(leader, texts(0, 40))
    for (const other of others) network.disconnect(leader.id, other.id)
    const cutOff = leader.engine.addLog(bytes('nobody hears this'))
    if (cutOff.status !== 'SUCCESS') throw new Error('the entry was not accepted')
    await until('it steps down', () => !leader.engine.isLeader())
    await until('it gives no hint', () => leader.engine.leaderHint() === undefined)
    expect(leader.engine.addLog(bytes('x'))).toEqual({ status: 'NOT_LEADER', leaderHint: undefined })
    await expect(leader.engine.drain({ signal: AbortSignal.timeout(50) })).rejects.toThrow()
    const next = await leaderOf(others)
    await write(next, texts(40, 80))
    for (const other of others) network.reconnect(leader.id, other.id)
    expect(await cutOff.outcome).toMatchObject({ status: 'LOST' })
    expect(leader.engine.outstanding()).toBe(0)
    await level(lives)
    expect(expectSameHistories(lives)).toBe(80)
  })
})

describe('a cluster on files and sockets', () => {
  it('survives restarts from disk, a wrong folder, a taken port, strangers and garbage', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mako-cluster-'))
    cleanUps.push(() => rm(folder, { recursive: true, force: true }))
    const members = await Promise.all(IDS.map(async (id) => ({ id, address: `127.0.0.1:${await freePort()}` })))
    const addressOf = (id: string): string => members.find((member) => member.id === id)!.address
    const make = async (id: string, directory = id, clusterId = 'cluster-test'): Promise<Life> => {
      const log = await openFileLog(join(folder, directory), { segmentBytes: 64 * 1024 })
      return life({ id, log, transport: tcpTransport(), members, clusterId })
    }
    const lives = await Promise.all(IDS.map(async (id) => await started(await make(id))))
    const first = await leaderOf(lives)
    const large = texts(0, 400).map((each) => each.padEnd(1_000, '.'))
    await write(first, large)

    // Garbage, and a node of another cluster, cost their own connections and nothing else.
    await sendGarbage(addressOf(first.id))
    const outsider = life({
      id: 'b',
      clusterId: 'another',
      log: memoryLog(),
      transport: tcpTransport({ listen: '127.0.0.1:0' }),
      members: members.map((member) => (member.id === 'b' ? { id: 'b', address: '127.0.0.1:1' } : member)),
    })
    await started(outsider)
    await until('strangers are counted', () => {
      const { refused } = first.engine.status().transport
      const all = lives.map(({ engine }) => engine.status().transport.refused)
      return (
        Object.keys(refused).length > 0 &&
        all.some((each) => Object.keys(each).some((reason) => /cluster/.test(reason)))
      )
    })
    await write(first, texts(400, 440))
    await outsider.engine.stop()

    // A second process of a node finds its address taken; its folder it may not even open.
    const twin = life({ id: first.id, log: memoryLog(), transport: tcpTransport(), members })
    await expect(twin.engine.start()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    await expect(openFileLog(join(folder, first.id))).rejects.toMatchObject({ code: 'LOG_LOCKED' })

    await first.engine.stop()
    const rest = lives.filter((each) => each !== first)
    const wrong = await make(first.id, first.id, 'another')
    await expect(wrong.engine.start()).rejects.toMatchObject({ code: 'LOG_MISMATCH' })
    const second = await leaderOf(rest)
    await write(second, texts(440, 480))

    const again = await started(await make(first.id))
    expect(again.engine.status().incarnation).toBe(2)
    await level([...rest, again])
    expect(expectSameHistories([...rest, again])).toBe(480)
    expect(PARTITIONS.every((p) => again.seen.get(p)!.every(({ by }) => by === 'follower'))).toBe(true)

    // All at once, and nothing but the disks remains.
    await Promise.all([...rest, again].map(({ engine }) => engine.stop()))
    const third = await Promise.all(IDS.map(async (id) => await started(await make(id))))
    await leaderOf(third)
    await level(third)
    expect(expectSameHistories(third)).toBe(480)
    const logs = await Promise.all(third.map((each) => Promise.all(PARTITIONS.map((p) => logOf(each, p)))))
    expect(logs[1]).toEqual(logs[0])
    expect(logs[2]).toEqual(logs[0])
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Resolves when the other side has hung up. */
async function sendGarbage(address: string): Promise<void> {
  const [host, port] = address.split(':') as [string, string]
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), host, () => socket.write(new Uint8Array(4096).fill(0xa5)))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
  })
}
