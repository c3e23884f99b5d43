// Schemas, the order of packed keys, and the primitive encoding: properties over random values.

import { below, type Random, seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/kv/bytes.ts'
import { type AnyTable, type Column, defineTable, float, int, nullable, text, uint } from '../../src/kv/index.ts'
import { KeyPacker } from '../../src/kv/key.ts'
import { RowMaker, shapeOf } from '../../src/kv/rows.ts'

function code(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing was thrown'
}

const alphabet = ['\0', '\u0001', 'a', 'b', 'é', '\ud7ff', '\uffff', '😀']
const randomText = (random: Random): string =>
  Array.from({ length: below(random, 4) }, () => alphabet[below(random, alphabet.length)]!).join('')
const edge = (random: Random, bits: number): number => {
  const highest = 2 ** bits - 1
  return [0, 1, highest, Math.max(0, highest - 1), Math.floor((random.u32() / 2 ** 32) * (highest + 1))][
    below(random, 5)
  ]!
}

describe('defineTable', () => {
  it('refuses what cannot be stored', () => {
    const define = (changes: object) =>
      code(() => defineTable({ id: 1, name: 't', key: { a: uint() }, row: { b: int() }, ...changes }))
    expect(define({})).toBe('nothing was thrown')
    for (const bad of [
      { id: 0 },
      { id: 65_536 },
      { id: 1.5 },
      { name: '' },
      { key: {} },
      { key: { a: float() } },
      { key: { a: int() } },
      { key: { a: nullable(uint()) } },
      { key: { a: uint(54) } },
      { key: { a: uint(0) } },
      { row: { 'a b': int() } },
      { row: { '0': int() } },
      { row: JSON.parse('{"__proto__": {"type": "int"}}') as object },
      { row: { a: { type: 'date' } } },
      { row: { a: uint(60) } },
    ]) {
      expect(define(bad), JSON.stringify(bad)).toBe('BAD_SCHEMA')
    }
  })
})

describe('packed keys', () => {
  const schemas: readonly Readonly<Record<string, Column<number> | Column<string>>>[] = [
    { a: uint(1) },
    { a: uint(53) },
    { a: uint(8), b: uint(13), c: uint(32) },
    { a: uint(53), b: uint(1) },
    { a: uint(16), b: uint(17), c: uint(48) },
    { a: text() },
    { a: text(), b: text() },
    { a: uint(20), b: text(), c: uint(53) },
  ]
  it.each(schemas)('of %j keep order, come back, and travel', (key) => {
    const random = seededRandom(1)
    const table: AnyTable = defineTable({ id: 1, name: 't', key, row: {} })
    const packer = new KeyPacker(table)
    const columns = Object.entries(key)
    const draw = () =>
      Object.fromEntries(
        columns.map(([name, column]) => [
          name,
          column.type === 'text' ? randomText(random) : edge(random, column.bits!),
        ]),
      )
    const order = (a: Record<string, unknown>, b: Record<string, unknown>): number => {
      for (const [name] of columns) {
        if (a[name] !== b[name]) return (a[name] as number) < (b[name] as number) ? -1 : 1
      }
      return 0
    }
    const writer = new ByteWriter()
    const reader = new ByteReader()
    for (let i = 0; i < 2000; i++) {
      const [a, b] = [draw(), draw()]
      const [packedA, packedB] = [packer.pack(a), packer.pack(b)]
      expect(packedA < packedB ? -1 : packedA > packedB ? 1 : 0).toBe(order(a, b))
      expect(packer.unpack(packedA)).toEqual(a)
      writer.restart()
      expect(packer.write(writer, packedA)).toBe(true)
      reader.open(writer.record())
      expect(packer.read(reader)).toBe(packedA)
      expect(reader.remaining).toBe(0)
      const count = below(random, columns.length + 1)
      const prefix = Object.fromEntries(columns.slice(0, count).map(([name]) => [name, a[name]]))
      const { low, end } = packer.span(prefix)
      const inside = packedB >= low && (end === undefined || packedB < end)
      expect(inside).toBe(columns.slice(0, count).every(([name]) => a[name] === b[name]))
    }
  })
})

describe('bytes', () => {
  it('brings every value back', () => {
    const random = seededRandom(2)
    const writer = new ByteWriter()
    const reader = new ByteReader()
    for (let i = 0; i < 3000; i++) {
      const whole = edge(random, 1 + below(random, 53))
      const signed = below(random, 2) === 0 ? whole : -whole + 0
      const word =
        below(random, 20) === 0 ? 'é'.repeat(below(random, 30_000)) : randomText(random).repeat(below(random, 40))
      writer.restart()
      writer.uint(whole)
      writer.int(signed)
      writer.fixed(whole, 7)
      writer.float(signed / 3)
      expect(writer.text(word)).toBe(true)
      writer.raw(new Uint8Array([1, 2, 3]))
      reader.open(writer.record())
      expect(reader.uint()).toBe(whole)
      expect(reader.int()).toBe(signed)
      expect(reader.fixed(7)).toBe(whole)
      expect(reader.float()).toBe(signed / 3)
      expect(reader.text()).toBe(word)
      expect([...reader.raw()]).toEqual([1, 2, 3])
      expect(reader.remaining).toBe(0)
    }
  })

  it('keeps a byte order mark and refuses half a character', () => {
    const writer = new ByteWriter()
    const reader = new ByteReader()
    writer.text('\ufeffa')
    reader.open(writer.record())
    expect(reader.text()).toBe('\ufeffa')
    for (const broken of ['\ud800', '\udc00a', 'a\ud800b', 'x'.repeat(200) + '\ud83d']) {
      writer.restart()
      expect(writer.text(broken)).toBe(false)
      expect(writer.length).toBe(0)
    }
  })

  it('refuses integers that no writer writes, and bytes that are not UTF-8', () => {
    const reader = new ByteReader()
    const refused = (bytes: number[], read: () => unknown) => {
      reader.open(new Uint8Array(bytes))
      expect(code(read)).toBe('CORRUPT_WRITES')
    }
    refused([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], () => reader.uint())
    refused(new Array<number>(40).fill(0x80), () => reader.uint())
    refused(new Array<number>(40).fill(0x80), () => reader.int())
    refused([], () => reader.byte())
    refused([1, 0xff], () => reader.text())
    refused([5, 97], () => reader.text())
    refused([5, 97], () => reader.raw())
    refused([1, 2, 3], () => reader.float())
    refused([1, 2, 3], () => reader.fixed(4))
  })
})

describe('rows', () => {
  it('have one shape, compiled or not', () => {
    const names = ['b', 'a', 'constructor']
    for (const shape of [shapeOf(names), shapeOf(names, false)]) {
      const row = shape.make([1, 'two', null])
      expect(Object.entries(row)).toEqual([
        ['b', 1],
        ['a', 'two'],
        ['constructor', null],
      ])
      const values: unknown[] = []
      shape.spread(row, values)
      expect(values).toEqual([1, 'two', null])
    }
  })

  it('have the columns in the order of the schema, whatever they were given in', () => {
    const maker = new RowMaker(defineTable({ id: 1, name: 't', key: { k: uint() }, row: { x: int(), y: text() } }))
    const row = maker.row({ y: 'a', x: 1 })
    expect(Object.keys(row)).toEqual(['x', 'y'])
    expect(maker.changed(row, { y: 'b' })).toEqual({ x: 1, y: 'b' })
    expect(row).toEqual({ x: 1, y: 'a' })
  })
})
