// Versions of rows against a naive model: a list of all writes ever, from which every state is computed anew.

import { below, seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { defineTable, uint } from '../../src/kv/index.ts'
import { rowAt, StoredTable, UnsettledWrites } from '../../src/kv/table.ts'

const KEYS = 6

interface ModelWrite {
  readonly key: number
  readonly stamp: number
  readonly epoch: number
  readonly value: number | undefined
}

describe.each([false, true])('a table (ordered: %s)', (ordered) => {
  it('has at every stamp what the model has, and keeps nothing that no one can ask for', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed)
      const table = new StoredTable(defineTable({ id: 1, name: 't', key: { k: uint(8) }, row: { v: uint() }, ordered }))
      const writes = new UnsettledWrites()
      let model: ModelWrite[] = []
      let stamp = 0
      let epoch = 1
      let settled = 0
      const valueAt = (key: number, at: number): number | undefined =>
        model.findLast((write) => write.key === key && write.stamp <= at)?.value

      for (let step = 0; step < 200; step++) {
        const draw = below(random, 10)
        if (draw < 6) {
          stamp++
          const from = writes.count
          const before = model
          model = [...model]
          for (let n = below(random, 4); n >= 0; n--) {
            const key = below(random, KEYS)
            const value = below(random, 3) === 0 ? undefined : below(random, 100)
            const row = value === undefined ? undefined : table.rows.row({ v: value })
            writes.install(table, key, table.find(key), row, stamp, epoch)
            model.push({ key, stamp, epoch, value })
          }
          if (below(random, 4) === 0) {
            writes.undo(from)
            model = before
          }
        } else if (draw < 9) {
          settled += below(random, stamp - settled + 1)
          writes.settle(settled)
        } else {
          const kept = Math.max(settled, model.findLast((write) => write.epoch < epoch)?.stamp ?? 0)
          const final = kept + below(random, stamp - kept + 1)
          writes.rollBack(epoch, final)
          model = model.filter((write) => write.stamp <= final)
          epoch++
        }

        for (let key = 0; key < KEYS; key++) {
          const slot = table.find(key)
          // Many comparisons: `expect` is only asked about those that would fail.
          for (let at = settled; at <= stamp; at++) {
            const value = slot === undefined ? undefined : rowAt(slot, at)?.['v']
            const wanted = valueAt(key, at)
            if (value !== wanted) expect(value, `seed ${seed}, step ${step}, key ${key} at ${at}`).toBe(wanted)
          }
          expect(slot?.row?.['v']).toBe(valueAt(key, stamp))
          // A write that is settled is nobody's newest write, and a slot without row and writes is not in the index.
          expect(slot?.write?.settled ?? false).toBe(false)
          if (slot !== undefined && slot.write === undefined) expect(slot.row).toBeDefined()
        }
        expect(table.rowCount).toBe(
          Array.from({ length: KEYS }, (_, key) => valueAt(key, stamp)).filter((v) => v !== undefined).length,
        )
        expect(table.unsettled).toBe(writes.count)
      }
      writes.settle(stamp)
      expect([...table.slots()].length).toBe(table.rowCount)
      expect([writes.count, table.unsettled, writes.newestStamp]).toEqual([0, 0, 0])
    }
  })
})
