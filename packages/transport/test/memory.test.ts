// The memory network: what only it can do.

import type { Clock } from '@mako/engine'
import { systemClock } from '@mako/engine'
import { expect, it } from 'vitest'
import { memoryNetwork } from '../src/index.ts'
import { bytesOf, Recorder } from './support.ts'

const members = ['a', 'b', 'c'].map((id) => ({ id, address: id }))

/** A clock whose turns end when the test says so. */
function steppedClock(): { clock: Clock; turn: () => void } {
  let deferred: (() => void)[] = []
  return {
    clock: { ...systemClock, defer: (fn) => deferred.push(fn) },
    turn() {
      const now = deferred
      deferred = []
      for (const fn of now) fn()
    },
  }
}

async function steppedPair(options: { outboxMessages?: number; outboxBytes?: number } = {}) {
  const { clock, turn } = steppedClock()
  const network = memoryNetwork({ clock, ...options })
  const [a, b] = [network.transport('a'), network.transport()]
  const [toldA, toldB] = [new Recorder(), new Recorder()]
  await a.start({ clusterId: 'test', nodeId: 'a', incarnation: 1, members }, toldA)
  await b.start({ clusterId: 'test', nodeId: 'b', incarnation: 1, members }, toldB)
  turn()
  return { network, a, b, toldA, toldB, turn }
}

it('delivers in turns of the given clock and at no other time', async () => {
  const { a, toldB, turn } = await steppedPair()
  a.send('b', 0, bytesOf('1'))
  a.flush()
  await new Promise((resolve) => setImmediate(resolve))
  expect(toldB.count('message')).toBe(0)
  turn()
  expect(toldB.texts('a')).toEqual(['1'])
})

it('cuts and mends a link, and keeps what was on its way', async () => {
  const { network, a, b, toldA, toldB, turn } = await steppedPair()
  a.send('b', 0, bytesOf('on its way'))
  a.flush()
  a.send('b', 0, bytesOf('too late'))
  network.disconnect('b', 'a')
  expect(a.send('b', 0, bytesOf('x'))).toBe(false)
  expect(b.send('a', 0, bytesOf('x'))).toBe(false)
  turn()
  expect(toldB.texts('a')).toEqual(['on its way'])
  expect(toldA.closings()).toEqual([{ peer: 'b', died: false }])
  expect(toldB.closings()).toEqual([{ peer: 'a', died: false }])
  expect(a.stats().dropped).toBe(2)
  network.reconnect('a', 'b')
  network.reconnect('a', 'b')
  turn()
  expect(toldA.count('connected')).toBe(2)
  a.send('b', 0, bytesOf('again'))
  a.flush()
  turn()
  expect(toldB.texts('a')).toEqual(['on its way', 'again'])
})

it('keeps a link cut over a restart', async () => {
  const { network, b, toldA, turn } = await steppedPair()
  network.disconnect('a', 'b')
  await b.stop()
  const again = network.transport('b')
  await again.start({ clusterId: 'test', nodeId: 'b', incarnation: 2, members }, new Recorder())
  turn()
  expect(toldA.isConnected('b')).toBe(false)
  network.reconnect('a', 'b')
  turn()
  expect(toldA.isConnected('b')).toBe(true)
})

it('bounds what is on its way, by messages and by bytes, until it has arrived', async () => {
  const { a, turn } = await steppedPair({ outboxMessages: 2, outboxBytes: 100 })
  expect(a.send('b', 0, new Uint8Array(60))).toBe(true)
  expect(a.send('b', 0, new Uint8Array(60))).toBe(false)
  expect(a.send('b', 0, new Uint8Array(1))).toBe(true)
  a.flush()
  expect(a.send('b', 0, new Uint8Array(1))).toBe(false)
  turn()
  expect(a.send('b', 0, new Uint8Array(100))).toBe(true)
  expect(a.stats().dropped).toBe(2)
})

it('refuses another node than the one it was made for', async () => {
  const identity = { clusterId: 'test', nodeId: 'b', incarnation: 1, members }
  await expect(memoryNetwork().transport('a').start(identity, new Recorder())).rejects.toMatchObject({
    code: 'BAD_OPTION',
  })
})
