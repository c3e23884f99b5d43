// The view: a pure function from figures to lines.

import { describe, expect, it } from 'vitest'
import { bytes, count, type NodeView, renderLine, renderScreen, sparkline, table, type View } from '../../src/view.ts'

const node: NodeView = {
  id: 'n1',
  process: 'running',
  role: 'leading',
  term: 2,
  leader: 'n1',
  speculativePerSecond: 12_345,
  safePerSecond: 12_001,
  watermarkLag: 42,
  outstanding: 99,
  replayedPerSecond: 0,
  appliedBatches: 70,
  committedBatches: 70,
  diskBytesPerSecond: 2_500_000,
  networkBytesPerSecond: 5_100_000,
  flushesPerSecond: 180,
}

const view: View = {
  phase: 'running',
  elapsedSeconds: 12.34,
  progress: 0.5,
  nodes: [
    node,
    { ...node, id: 'n2', role: 'following', replayedPerSecond: 11_900 },
    { ...node, id: 'n3', process: 'killed' },
  ],
  safe: 123_456,
  rolledBack: 7,
  notLeader: 8,
  busy: 9,
  unknown: 10,
  history: [1, 2, 3],
  events: Array.from({ length: 20 }, (_, at) => ({ at, text: `event ${at}` })),
}

const escapes = new RegExp('\x1b\\[\\d+m', 'g')

describe('renderScreen', () => {
  it('shows every node in aligned columns', () => {
    const lines = renderScreen(view, { color: false, columns: 200 })
    const rows = lines.filter((line) => /^(node|n\d) /.test(line))
    expect(rows).toHaveLength(4)
    expect(new Set(rows.map((row) => row.length)).size).toBe(1)
    expect(rows[1]).toMatch(/n1 +running +leading +2 +12\.3k +12\.0k +42 +99 +0 +70\/70 +2\.5 MB +5\.1 MB +180/)
  })

  it('shows no stale figures of a killed process', () => {
    const row = renderScreen(view, { color: false, columns: 200 }).find((line) => line.startsWith('n3'))
    expect(row).toMatch(/^n3 +killed( +-)+$/)
  })

  it('shows the newest events, and does not grow with them', () => {
    const lines = renderScreen(view, { color: false, columns: 200 })
    expect(lines.at(-1)).toContain('event 19')
    expect(lines.join('\n')).not.toContain('event 11\n')
    const more = { ...view, events: [...view.events, ...view.events] }
    expect(renderScreen(more, { color: false, columns: 200 })).toHaveLength(lines.length)
  })

  it('says the same with and without colour, and never exceeds the width', () => {
    for (const columns of [20, 60, 200]) {
      const plain = renderScreen(view, { color: false, columns })
      const colored = renderScreen(view, { color: true, columns })
      expect(colored.map((line) => line.replace(escapes, ''))).toEqual(plain)
      expect(Math.max(...plain.map((line) => line.length))).toBeLessThanOrEqual(columns)
      expect(colored.join('')).toContain('\x1b[')
    }
  })
})

describe('renderLine', () => {
  it('is one line with phase, rates and every node', () => {
    const line = renderLine(view)
    expect(line).not.toContain('\n')
    for (const part of ['running', 'n1 leading t2 70/70', 'n2 following', 'n3 killed']) expect(line).toContain(part)
  })
})

describe('figures', () => {
  it('are short', () => {
    expect([0, 999, 12_345, 123_456, 1_234_567, 12_345_678].map(count)).toEqual([
      '0',
      '999',
      '12.3k',
      '123k',
      '1.2M',
      '12M',
    ])
    expect([0, 2_500, 2_500_000].map(bytes)).toEqual(['0 B', '3 kB', '2.5 MB'])
    expect(sparkline([0, 4, 8])).toBe('▁▅█')
    expect(sparkline([])).toBe('')
    expect(
      table([
        ['a', 'bb'],
        ['ccc', 'd'],
      ]),
    ).toEqual(['a    bb', 'ccc   d'])
  })
})
