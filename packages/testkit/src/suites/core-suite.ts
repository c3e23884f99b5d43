// The conformance suite of protocols: what the runtime relies on in every core, whatever the protocol is called.
//
// Always true: a core is driven as the runtime drives it, and every output of every test is checked (core-node.ts,
// core-cluster.ts): numbers of writes, what messages promise, commit, the codec, one leader for each term, one value for
// each index.

import { below, lastIndexOf, seededRandom, type CoreLimits, type Protocol } from '@mako/engine'
import { CoreCluster } from './core-cluster.ts'
import { outputText, type CoreNode } from './core-node.ts'
import { runCases, thrownBy, type Case, type SuiteOptions, type TestRunner } from './runner.ts'

export interface CoreSuiteOptions<Message> extends SuiteOptions {
  /** With elections, as it is by default. */
  readonly createProtocol: () => Protocol<Message>
}

/** Registers the suite with the runner. */
export function coreSuite<Message>(runner: TestRunner, options: CoreSuiteOptions<Message>): void {
  const { expect } = runner
  const make = (nodes = 3, limits: Partial<CoreLimits> = {}, seed = 1): CoreCluster<Message> =>
    new CoreCluster(options.createProtocol(), nodes, limits, seed)
  const others = ({ nodes }: CoreCluster<Message>, leader: CoreNode<Message>): CoreNode<Message>[] =>
    nodes.filter((node) => node !== leader)

  /** A run with everything that is calm in it: an election, proposals, a restart, a transfer. */
  const ordinaryRun = (cluster: CoreCluster<Message>): void => {
    const leader = cluster.settle()
    for (let i = 1; i <= 20; i++) leader.propose(i % 4 === 0 ? 3 : 1, i * 10)
    cluster.level()
    const [restarted, target] = others(cluster, leader)
    restarted!.crash()
    leader.propose()
    cluster.run(cluster.protocol.electionTimeoutMs)
    restarted!.start()
    cluster.level()
    cluster.settle().step({ type: 'transfer', now: cluster.now, to: target!.id })
    cluster.level()
  }

  /** Random losses, repetitions, overtaking, crashes, slow disks; then calm. */
  const storm = (seed: number, nodes: number): CoreCluster<Message> => {
    const cluster = make(nodes, { inflightEntries: 8, messageBytes: 200, tailBytes: 400 }, seed)
    const random = seededRandom(seed * 7919)
    const percent = (chance: number): boolean => below(random, 100) < chance
    for (let turn = 0; turn < 1200; turn++) {
      if (percent(40)) cluster.tick()
      for (const node of cluster.up) {
        if (percent(25)) node.flush(1 + below(random, 3))
        if (percent(8)) node.propose(1 + below(random, 3), below(random, 40))
        if (node.core.status().commit > 0 && percent(5)) {
          node.step({ type: 'release', now: cluster.now, index: node.commit })
        }
      }
      for (let i = below(random, 6); i > 0 && cluster.queue.length > 0; i--) {
        const at = percent(80) ? 0 : below(random, cluster.queue.length)
        const envelope = cluster.queue[at]!
        if (!percent(5)) cluster.queue.splice(at, 1)
        if (!percent(8)) cluster.deliverOne(envelope)
      }
      const victim = cluster.nodes[below(random, nodes)]!
      if (victim.isUp ? percent(1) : percent(10)) {
        if (victim.isUp) victim.crash()
        else victim.start()
        victim.isFast = percent(50)
      }
      if (percent(1)) victim.step({ type: 'campaign', now: cluster.now })
      if (percent(1)) victim.step({ type: 'transfer', now: cluster.now, to: undefined })
      if (percent(1)) victim.step({ type: 'peer-died', now: cluster.now, peer: cluster.ids[below(random, nodes)]! })
    }
    for (const node of cluster.nodes) {
      node.isFast = true
      if (!node.isUp) node.start()
      node.flush()
    }
    cluster.level()
    return cluster
  }

  const sync =
    (test: () => void): Case =>
    () =>
      test()
  const cases: Record<string, Case> = {
    'a new core knows no leader, has committed nothing, and refuses proposals': sync(() => {
      const { core } = make().nodes[0]!
      expect(core.status()).toMatchObject({ leader: undefined, commit: 0, lastIndex: 0, durableIndex: 0 })
      expect(core.admit().status).toBe('NOT_LEADER')
      expect(core.blockAt(1)).toBe(undefined)
    }),

    'elects one leader that all follow, among one, three and five': sync(() => {
      for (const nodes of [1, 3, 5]) {
        const cluster = make(nodes)
        const leader = cluster.settle()
        const { term } = leader.core.status()
        expect(term).toBeGreaterThan(0)
        for (const { id, core } of cluster.nodes) {
          expect(core.status()).toMatchObject({
            leader: leader.id,
            term,
            role: id === leader.id ? 'leader' : 'follower',
          })
          if (id !== leader.id) expect(core.admit()).toEqual({ status: 'NOT_LEADER', leader: leader.id, term })
        }
      }
    }),

    'keeps its leader as long as that is heard': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      const { term } = leader.core.status()
      cluster.run(50 * cluster.protocol.electionTimeoutMs)
      expect(cluster.leader).toBe(leader)
      expect(leader.core.status().term).toBe(term)
    }),

    'campaigns when it is told to': sync(() => {
      const cluster = make()
      const node = cluster.node('b')
      node.step({ type: 'campaign', now: cluster.now })
      cluster.deliver()
      expect(node.core.status().role).toBe('leader')
    }),

    'commits what the leader proposes on all nodes, the very same blocks': sync(() => {
      const cluster = make(5)
      const leader = cluster.settle()
      const blocks = Array.from({ length: 30 }, (_, i) => leader.propose(1 + (i % 3), i)!)
      cluster.level()
      for (const node of cluster.nodes) {
        for (const block of blocks) expect([...node.blockAt(block.index)!.bytes]).toEqual([...block.bytes])
      }
    }),

    'admit says where a block will be: propose puts it there, and the next one behind it': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      const { term } = leader.core.status()
      let next = leader.core.status().lastIndex + 1
      for (const count of [1, 5, 2]) {
        expect(leader.core.admit()).toEqual({ status: 'LEADER', term, nextIndex: next })
        leader.propose(count)
        next += count
        expect(leader.core.status().lastIndex).toBe(next - 1)
      }
    }),

    'a proposal is in memory and is found by each of its indexes at once': sync(() => {
      const leader = make().settle()
      const block = leader.propose(3)!
      for (const index of [0, 1, 2]) expect(leader.core.blockAt(block.index + index)).toEqual(block)
      expect(leader.core.blockAt(lastIndexOf(block) + 1)).toBe(undefined)
    }),

    'to propose without leading is a mistake that is thrown': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      const block = leader.propose()!
      const [follower] = others(cluster, leader)
      expect(thrownBy(() => follower!.core.propose({ ...block, index: block.index + 1 }))).toBe('LAW_BROKEN')
    }),

    'a leader names the index at which it may be announced, within its log': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      for (let i = 0; i < 5; i++) leader.propose()
      cluster.level()
      leader.crash()
      const next = cluster.settle()
      const roles = next.lives
        .at(-1)!
        .deeds.flatMap((deed) =>
          deed.type === 'output'
            ? (JSON.parse(deed.text) as { roles: { role: string; readyIndex: number }[] }).roles
            : [],
        )
      const announcement = roles.findLast(({ role }) => role === 'leader')!
      expect(announcement.readyIndex).toBeGreaterThan(4)
      expect(announcement.readyIndex).toBeLessThanOrEqual(next.core.status().lastIndex)
      cluster.level()
      expect(next.commit).toBeGreaterThanOrEqual(announcement.readyIndex)
      expect(roles.filter(({ role, readyIndex }) => role !== 'leader' && readyIndex !== 0)).toEqual([])
    }),

    'an output is taken once: a second one is empty and says the same commit': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      leader.propose()
      cluster.level()
      const { writes, messages, reads, roles, transfers, commit } = leader.core.takeOutput()
      expect([writes, messages, reads, roles, transfers]).toEqual([[], [], [], [], []])
      expect(commit).toBe(leader.commit)
    }),

    'equal inputs give equal outputs: every life can be lived again': sync(() => {
      const cluster = make()
      ordinaryRun(cluster)
      let outputs = 0
      for (const { create, deeds } of cluster.nodes.flatMap(({ lives }) => lives)) {
        const core = create()
        for (const deed of deeds) {
          if (deed.type === 'step') core.step(deed.input)
          else if (deed.type === 'propose') core.propose(deed.block)
          else {
            outputs++
            expect(outputText(core.takeOutput())).toBe(deed.text)
          }
        }
      }
      expect(outputs).toBeGreaterThan(100)
    }),

    'nothing is committed that is durable nowhere, and nothing by a minority of disks': sync(() => {
      const cluster = make(3)
      const leader = cluster.settle()
      cluster.level()
      const before = leader.commit
      for (const node of cluster.nodes) node.isFast = false
      leader.propose()
      cluster.run(cluster.protocol.electionTimeoutMs / 4)
      expect(leader.commit).toBe(before)
      leader.flush()
      cluster.run(cluster.protocol.electionTimeoutMs / 4)
      expect(leader.commit).toBe(before)
      for (const node of cluster.nodes) {
        node.isFast = true
        node.flush()
      }
      cluster.level()
      expect(leader.commit).toBeGreaterThan(before)
    }),

    'a slow disk of the leader delays no heartbeat': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      leader.isFast = false
      leader.propose()
      cluster.run(cluster.protocol.electionTimeoutMs * 3)
      expect(cluster.leader).toBe(leader)
      // The others are a majority without it.
      expect(leader.commit).toBe(leader.core.status().lastIndex)
    }),

    'keeps its promises through a crash at every write': sync(() => {
      for (const victimAt of [0, 1, 2]) {
        for (let write = 1; write <= 12; write++) {
          const cluster = make(3, {}, write)
          const victim = cluster.nodes[victimAt]!
          victim.isFast = false
          let left = write
          for (let turn = 0; turn < 200 && left > 0; turn++) {
            cluster.run(cluster.protocol.tickMs)
            cluster.leader?.propose()
            for (; victim.waitingWrites > 0 && left > 0; left--) {
              if (left > 1) victim.flush(1)
            }
          }
          victim.crash()
          victim.isFast = true
          victim.start()
          cluster.level()
        }
      }
    }),

    'everything that was committed is there after all nodes have crashed at once, again and again': sync(() => {
      const cluster = make()
      for (let round = 0; round < 5; round++) {
        const leader = cluster.settle()
        for (let i = 0; i < 10; i++) leader.propose(2)
        cluster.level()
        const { committed } = cluster
        for (const node of cluster.nodes) node.crash()
        cluster.queue.length = 0
        for (const node of cluster.nodes) node.start()
        cluster.level()
        for (const { commit } of cluster.nodes) expect(commit).toBeGreaterThanOrEqual(committed)
      }
    }),

    'a restarted core recovers its log, its term and its promises': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      for (let i = 0; i < 5; i++) leader.propose(2)
      cluster.level()
      for (const node of cluster.nodes) {
        const { term, lastIndex } = node.core.status()
        node.crash()
        node.start()
        expect(node.core.status().term).toBeGreaterThanOrEqual(term)
        expect(node.core.status()).toMatchObject({ lastIndex, durableIndex: lastIndex })
      }
    }),

    'a minority elects nobody and commits nothing; what it had proposed gives way, or is taken over': sync(() => {
      const cluster = make(5)
      const old = cluster.settle()
      cluster.level()
      const before = old.commit
      const [friend] = others(cluster, old)
      cluster.isolate(old.id, friend!.id)
      for (let i = 0; i < 5; i++) old.propose()
      cluster.run(cluster.protocol.electionTimeoutMs * 10)
      expect([old.commit, friend!.commit]).toEqual([before, before])
      const majority = cluster.nodes.filter((node) => node !== old && node !== friend)
      const next = majority.find(({ core }) => core.status().role === 'leader')!
      for (let i = 0; i < 3; i++) next.propose(2)
      cluster.run(cluster.protocol.electionTimeoutMs)
      expect(next.commit).toBeGreaterThan(before)
      cluster.heal()
      cluster.level()
    }),

    'a leader that is cut off stops to lead': sync(() => {
      const cluster = make()
      const old = cluster.settle()
      cluster.isolate(old.id)
      cluster.runUntil('it steps down', () => old.core.status().role !== 'leader')
      expect(old.core.status().leader).toBe(undefined)
      expect(old.core.admit().status).toBe('NOT_LEADER')
    }),

    'a follower that was away for long is brought up to date from the log store': sync(() => {
      const cluster = make(3, { tailBytes: 1000, messageBytes: 1000 })
      const leader = cluster.settle()
      const [away] = others(cluster, leader)
      away!.crash()
      for (let i = 0; i < 100; i++) {
        leader.propose(1, 100)
        cluster.run(cluster.protocol.tickMs)
        leader.step({ type: 'release', now: cluster.now, index: leader.commit })
      }
      expect(leader.reads).toBe(0)
      away!.start()
      cluster.level()
      expect(leader.reads).toBeGreaterThan(0)
      expect(cluster.leader).toBe(leader)
    }),

    'a read that finds nothing is asked again, and costs nobody else anything': sync(() => {
      const cluster = make(3, { tailBytes: 500 })
      const leader = cluster.settle()
      const [away, other] = others(cluster, leader)
      away!.crash()
      for (let i = 0; i < 30; i++) leader.propose(1, 100)
      cluster.run(cluster.protocol.tickMs * 4)
      leader.step({ type: 'release', now: cluster.now, index: leader.commit })
      leader.hasLostLog = true
      away!.start()
      cluster.run(cluster.protocol.electionTimeoutMs)
      expect(leader.reads).toBeGreaterThan(0)
      leader.propose()
      cluster.run(cluster.protocol.electionTimeoutMs)
      expect(leader.commit).toBe(leader.core.status().lastIndex)
      expect(other!.commit).toBe(leader.commit)
      leader.hasLostLog = false
      cluster.level()
      expect(away!.commit).toBe(leader.commit)
    }),

    'what was released is let go beyond the tail, and never what is not committed': sync(() => {
      const cluster = make(3, { tailBytes: 1000 })
      const leader = cluster.settle()
      for (let i = 0; i < 50; i++) leader.propose(1, 100)
      cluster.level()
      for (const node of cluster.nodes) {
        expect(node.core.blockAt(1)).toBeDefined()
        node.step({ type: 'release', now: cluster.now, index: node.commit })
        expect(node.core.blockAt(5)).toBe(undefined)
        expect(node.core.blockAt(node.commit)).toBeDefined()
      }
      cluster.isolate(leader.id)
      const open = leader.propose(1, 3000)!
      leader.step({ type: 'release', now: cluster.now, index: leader.commit })
      expect(leader.core.blockAt(open.index)).toBeDefined()
    }),

    'hands leadership over to the node that is named': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      for (let i = 0; i < 10; i++) leader.propose()
      const [, target] = others(cluster, leader)
      leader.step({ type: 'transfer', now: cluster.now, to: target!.id })
      cluster.runUntil('it has taken over', () => cluster.leader === target)
      cluster.level()
      expect(cluster.leader).toBe(target)
      expect(leader.transfers).toEqual(['done'])
    }),

    'hands leadership over to some node that is up when none is named': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      const [down, target] = others(cluster, leader)
      down!.crash()
      cluster.run(cluster.protocol.electionTimeoutMs * 2)
      leader.step({ type: 'transfer', now: cluster.now, to: undefined })
      cluster.runUntil('it has taken over', () => cluster.leader === target)
      expect(leader.transfers).toEqual(['done'])
    }),

    'refuses proposals during a transfer; one that cannot be done is aborted, and it goes on leading': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      const [target] = others(cluster, leader)
      target!.crash()
      leader.step({ type: 'transfer', now: cluster.now, to: target!.id })
      if (leader.transfers.length === 0) expect(leader.core.admit().status).toBe('TRANSFERRING')
      cluster.runUntil('it is aborted', () => leader.transfers.length > 0)
      expect(leader.transfers).toEqual(['aborted'])
      cluster.run(cluster.protocol.electionTimeoutMs)
      expect(leader.core.admit().status).toBe('LEADER')
    }),

    'a transfer to itself, to a stranger, or by a node that does not lead, is aborted': sync(() => {
      const cluster = make()
      const leader = cluster.settle()
      const [follower] = others(cluster, leader)
      for (const [node, to] of [
        [leader, leader.id],
        [leader, 'nobody'],
        [follower!, leader.id],
      ] as const) {
        const before = node.transfers.length
        node.step({ type: 'transfer', now: cluster.now, to })
        cluster.runUntil('an answer', () => node.transfers.length > before)
        expect(node.transfers.at(-1)).toBe('aborted')
      }
      expect(cluster.settle()).toBe(leader)
    }),

    'finds a new leader when the old one has died, and when that was only a rumour': sync(() => {
      const cluster = make()
      const first = cluster.settle()
      first.crash()
      for (const node of cluster.up) node.step({ type: 'peer-died', now: cluster.now, peer: first.id })
      const second = cluster.settle()
      expect(second === first).toBe(false)
      first.start()
      cluster.level()
      for (const node of others(cluster, second)) {
        node.step({ type: 'peer-died', now: cluster.now, peer: second.id })
        second.step({ type: 'peer-died', now: cluster.now, peer: node.id })
      }
      cluster.level()
    }),

    'messages of strangers are nothing': sync(() => {
      const cluster = make()
      const sent = ((): Uint8Array[] => {
        const other = make(3, {}, 99)
        ordinaryRun(other)
        return other.sent
      })()
      const leader = cluster.settle()
      cluster.level()
      const before = outputText(cluster.nodes.map(({ core }) => core.status()))
      for (const node of cluster.nodes) {
        for (const bytes of sent.slice(0, 300)) {
          node.step({ type: 'message', now: cluster.now, from: 'stranger', message: cluster.protocol.decode(bytes) })
        }
      }
      expect(outputText(cluster.nodes.map(({ core }) => core.status()))).toBe(before)
      expect(cluster.leader).toBe(leader)
    }),

    'messages that come twice, and late, change nothing that is agreed': sync(() => {
      const cluster = make()
      const copies: typeof cluster.queue = []
      cluster.onPost = (envelope) => copies.push(envelope)
      ordinaryRun(cluster)
      cluster.onPost = () => undefined
      for (const envelope of copies) cluster.deliverOne(envelope)
      for (const envelope of copies.reverse()) cluster.deliverOne(envelope)
      cluster.level()
    }),

    'what is on its way to a follower that does not answer is bounded': sync(() => {
      const cluster = make(3, { inflightEntries: 16, inflightBytes: 4096, messageBytes: 1024 })
      const leader = cluster.settle()
      cluster.level()
      const [silent] = others(cluster, leader)
      cluster.loses = ({ from }) => from === silent!.id
      let bytes = 0
      cluster.onPost = ({ from, to, bytes: message }) => {
        if (from !== leader.id) return
        expect(message.length).toBeLessThanOrEqual(1024 + 256)
        if (to === silent!.id && message.length > 256) bytes += message.length
      }
      for (let i = 0; i < 200; i++) {
        leader.propose(1, 300)
        cluster.deliver()
        const peer = leader.core.status().peers.find(({ id }) => id === silent!.id)!
        expect(peer.inflightEntries).toBeLessThanOrEqual(16)
      }
      expect(bytes).toBeLessThanOrEqual(2 * 4096)
      expect(leader.commit).toBe(leader.core.status().lastIndex)
    }),

    'a block that is larger than a message goes alone': sync(() => {
      const cluster = make(3, { inflightBytes: 1000, messageBytes: 500 })
      const leader = cluster.settle()
      leader.propose(1, 20_000)
      leader.propose(1, 20_000)
      cluster.level()
    }),

    'bytes that are no message are CORRUPT_MESSAGE, wherever they are damaged': sync(() => {
      const cluster = make()
      ordinaryRun(cluster)
      const random = seededRandom(3)
      const { protocol, sent } = cluster
      const samples = sent.filter((_, i) => i % Math.ceil(sent.length / 150) === 0)
      let refused = 0
      const tryIt = (bytes: Uint8Array): void => {
        const code = thrownBy(() => protocol.decode(bytes))
        expect(['none', 'CORRUPT_MESSAGE']).toContain(code)
        if (code !== 'none') refused++
      }
      tryIt(new Uint8Array(0))
      for (const bytes of samples) {
        for (let i = 0; i < 8; i++) {
          tryIt(bytes.subarray(0, below(random, bytes.length)))
          const damaged = bytes.slice()
          for (let flips = below(random, 4) + 1; flips > 0; flips--) {
            damaged[below(random, damaged.length)]! ^= 1 << below(random, 8)
          }
          tryIt(damaged)
          tryIt(Uint8Array.from({ length: below(random, 200) }, () => below(random, 256)))
        }
      }
      expect(refused).toBeGreaterThan(100)
    }),

    'holds through storms of losses, repetitions, crashes and slow disks, and heals': sync(() => {
      let committed = 0
      let terms = 0
      for (let seed = 1; seed <= 12; seed++) {
        const cluster = storm(seed, seed % 2 === 0 ? 3 : 5)
        committed += cluster.committed
        terms += cluster.terms
      }
      expect(committed).toBeGreaterThan(200)
      expect(terms).toBeGreaterThan(24)
    }),
  }

  runCases(runner, `${options.name}: a protocol`, cases, options.skip)
}
