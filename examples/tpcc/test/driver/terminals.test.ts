// Terminals, clients and servers over real sockets, with databases that answer what the test wants.

import type { LeaderHint } from '@mako/engine'
import type { Database, TransactResult } from '@mako/store/kv'
import type { SafeOutcome } from '@mako/watermark'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Executor } from '../../src/executor.ts'
import { freePorts } from '../../src/ports.ts'
import { answersOf } from '../../src/proof.ts'
import { TransactionServer } from '../../src/server.ts'
import { Slices } from '../../src/slices.ts'
import { Terminals } from '../../src/terminals.ts'

const TERMINALS = 2
const OUTSTANDING = 4

/** Answers what `answer` says; what was executed waits until `settle`. */
class FakeDatabase implements Pick<Database, 'transact'> {
  answer: 'SUCCESS' | 'ABORTED' | 'BUSY' | LeaderHint = 'SUCCESS'
  executed = 0
  #waiting: ((outcome: SafeOutcome) => void)[] = []

  transact<T>(): TransactResult<T> {
    if (this.answer === 'BUSY') return { status: 'BUSY', reason: 'recovering', retryAfterMs: 1 }
    if (this.answer === 'ABORTED') return { status: 'ABORTED', reason: 'unused item' }
    if (this.answer !== 'SUCCESS') return { status: 'NOT_LEADER', leaderHint: this.answer }
    this.executed++
    const safe = new Promise<SafeOutcome>((resolve) => this.#waiting.push(resolve))
    return { status: 'SUCCESS', epoch: 1, stamp: [this.executed], value: undefined as T, speculative: true, safe }
  }

  get waiting(): number {
    return this.#waiting.length
  }

  settle(status: 'SAFE' | 'ROLLED_BACK'): void {
    const waiting = this.#waiting.splice(0)
    for (const resolve of waiting) {
      resolve(status === 'SAFE' ? { status, epoch: 1, stamp: [1] } : { status, epoch: 1, finalWatermark: [0] })
    }
  }
}

interface TestNode {
  readonly database: FakeDatabase
  readonly server: TransactionServer
  readonly terminals: Terminals
}

const nodes: TestNode[] = []

async function startNodes(ids: readonly string[]): Promise<TestNode[]> {
  const ports = await freePorts(ids.length)
  for (const [position, nodeId] of ids.entries()) {
    const database = new FakeDatabase()
    const slices = new Slices()
    const executor = new Executor(database, 4, () => undefined)
    const server = new TransactionServer(executor, slices)
    await server.listen('127.0.0.1', ports[position]!)
    const servers = new Map(ids.map((id, at) => [id, `127.0.0.1:${ports[at]!}`]))
    servers.delete(nodeId)
    const firstTerminal = 1 + position * TERMINALS
    const sizes = { terminals: TERMINALS, outstanding: OUTSTANDING, scale: 0.01, warehouses: 1, seed: 1 }
    const terminals = new Terminals({ nodeId, firstTerminal, servers, ...sizes }, executor, slices)
    nodes.push({ database, server, terminals })
  }
  return nodes
}

const hint = (nodeId: string, term: number): LeaderHint => ({ nodeId, address: '', term })
const eventually = <T>(assertion: () => T): Promise<T> => vi.waitFor(assertion, { timeout: 5_000, interval: 1 })

function expectBalanced({ terminals }: TestNode): void {
  expect(terminals.counters.attempts).toBe(answersOf(terminals.counters) + terminals.open)
}

afterEach(async () => {
  for (const { terminals, server } of nodes.splice(0)) {
    terminals.close()
    await server.stop()
  }
})

describe('terminals', () => {
  it('keep a bounded number of transactions waiting to be safe, and count every one', async () => {
    const [node] = await startNodes(['n1'])
    node!.terminals.start()
    await eventually(() => expect(node!.database.waiting).toBe(TERMINALS * OUTSTANDING))
    expect(node!.terminals.open).toBe(TERMINALS * OUTSTANDING)
    node!.database.settle('SAFE')
    await eventually(() => expect(node!.database.waiting).toBe(TERMINALS * OUTSTANDING))
    const stopped = node!.terminals.stop()
    node!.database.settle('ROLLED_BACK')
    await stopped
    const { counters, safe, gone } = node!.terminals
    expect(counters).toMatchObject({ speculative: 16, safe: 8, rolledBack: 8, attempts: 16 })
    expect(safe.size).toBeLessThanOrEqual(8)
    for (const [terminal, sequence] of safe) expect(gone.has(terminal, sequence)).toBe(false)
    expectBalanced(node!)
  })

  it('go where the hint says', async () => {
    const [follower, leader] = await startNodes(['n1', 'n2'])
    follower!.database.answer = hint('n2', 2)
    follower!.terminals.start()
    await eventually(() => expect(leader!.database.waiting).toBe(TERMINALS * OUTSTANDING))
    const stopped = follower!.terminals.stop()
    leader!.database.settle('SAFE')
    await stopped
    expect(follower!.database.executed).toBe(0)
    expect(follower!.terminals.counters.safe).toBe(TERMINALS * OUTSTANDING)
    expect(follower!.terminals.counters.notLeader).toBeGreaterThanOrEqual(TERMINALS * OUTSTANDING)
    expectBalanced(follower!)
  })

  it('try again with the same input what was definitely not executed', async () => {
    const [node] = await startNodes(['n1'])
    node!.database.answer = 'BUSY'
    node!.terminals.start()
    await eventually(() => expect(node!.terminals.counters.busy).toBeGreaterThan(3))
    node!.database.answer = 'ABORTED'
    await eventually(() => expect(node!.terminals.counters.aborted).toBeGreaterThan(100))
    await node!.terminals.stop()
    // Not one sequence number was skipped by the refusals: what was refused came again, and was then answered.
    const { counters, gone } = node!.terminals
    expect(gone.size).toBe(counters.aborted)
    for (const [, runs] of gone.toRuns()) expect(runs.length).toBe(2)
    expectBalanced(node!)
  })

  it('count UNKNOWN when the connection is lost, and go on', async () => {
    const [follower, leader] = await startNodes(['n1', 'n2'])
    follower!.database.answer = hint('n2', 2)
    follower!.terminals.start()
    await eventually(() => expect(leader!.database.waiting).toBe(TERMINALS * OUTSTANDING))
    await leader!.server.stop()
    await eventually(() => expect(follower!.terminals.counters.unknown).toBe(TERMINALS * OUTSTANDING))
    follower!.database.answer = 'SUCCESS'
    await eventually(() => expect(follower!.database.waiting).toBe(TERMINALS * OUTSTANDING))
    expectBalanced(follower!)
  })

  it('do not wait for a leader that hangs once another one leads, and still count its late answers', async () => {
    const [follower, paused, leader] = await startNodes(['n1', 'n2', 'n3'])
    follower!.database.answer = hint('n2', 2)
    follower!.terminals.start()
    await eventually(() => expect(paused!.database.waiting).toBe(TERMINALS * OUTSTANDING))
    follower!.database.answer = hint('n3', 3)
    follower!.terminals.observe(hint('n3', 3))
    await eventually(() => expect(leader!.database.waiting).toBe(TERMINALS * OUTSTANDING))
    expect(follower!.terminals.open).toBe(2 * TERMINALS * OUTSTANDING)
    paused!.database.settle('ROLLED_BACK')
    await eventually(() => expect(follower!.terminals.counters.rolledBack).toBe(TERMINALS * OUTSTANDING))
    expect(leader!.database.waiting).toBe(TERMINALS * OUTSTANDING)
    expectBalanced(follower!)
  })
})
