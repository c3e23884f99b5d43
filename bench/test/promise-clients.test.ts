// Clients that wait for promises: they let others have their turn, whatever is answered how soon.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { PromiseClients } from '../src/promise-clients.ts'

describe('clients that wait for promises', () => {
  it('let timers run when every answer is there at once', async () => {
    const clients = new PromiseClients({
      inFlight: 8,
      expected: 'SAFE',
      start: () => Promise.resolve({ status: 'SAFE' }),
    })
    clients.begin()
    const { operations, started } = await clients.measure(0.02)
    expect(operations).toBeGreaterThan(0)
    expect(started).toBeGreaterThanOrEqual(operations)
  })

  it('have no more under way than was asked for, and fail with an answer that is not the expected one', async () => {
    let open = 0
    let highest = 0
    let answers = 0
    const clients = new PromiseClients({
      inFlight: 3,
      expected: 'SAFE',
      start: async () => {
        highest = Math.max(highest, ++open)
        await nextTurn()
        open--
        return { status: ++answers > 100 ? 'LOST' : 'SAFE' }
      },
    })
    clients.begin()
    await expect(clients.measure(0.05)).rejects.toThrow('An operation ended LOST.')
    expect(highest).toBe(3)
  })
})
