// Lines from bytes and back: cuts anywhere, lines that are too long, readers that are slow.

import { describe, expect, it } from 'vitest'
import { LineReader, LineWriter } from '../src/lines.ts'
import { parseArguments } from '../src/arguments.ts'

function reader(maxBytes: number): { reader: LineReader; lines: string[]; refused: () => number } {
  const lines: string[] = []
  let refused = 0
  return {
    reader: new LineReader({ line: (text) => lines.push(text), refused: () => refused++ }, maxBytes),
    lines,
    refused: () => refused,
  }
}

describe('reading lines', () => {
  const text = '{"a":1}\n\n  \n{"ä":"ß"}\r\nlast'

  it.each([1, 2, 3, 7, 100])('in pieces of %i bytes', (size) => {
    const { reader: lineReader, lines } = reader(1024)
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) lineReader.push(bytes.subarray(at, at + size))
    lineReader.end()
    expect(lines).toEqual(['{"a":1}', '{"ä":"ß"}', 'last'])
  })

  it.each([1, 5, 1000])('skips a line that is too long and goes on behind it, in pieces of %i bytes', (size) => {
    const { reader: lineReader, lines, refused } = reader(10)
    const bytes = Buffer.from(`0123456789\n${'x'.repeat(500)}\n0123456789\n${'y'.repeat(11)}\nend\n`)
    for (let at = 0; at < bytes.length; at += size) lineReader.push(bytes.subarray(at, at + size))
    expect(lines).toEqual(['0123456789', '0123456789', 'end'])
    expect(refused()).toBe(2)
  })

  it('bytes that are no UTF-8 are a line all the same', () => {
    const { reader: lineReader, lines } = reader(100)
    lineReader.push(Uint8Array.of(0xff, 0xfe, 10, 0x41, 10))
    expect(lines).toHaveLength(2)
    expect(lines[1]).toBe('A')
  })
})

describe('writing lines', () => {
  class Sink {
    readonly written: string[] = []
    isFull = false
    #drained: (() => void) | undefined

    write(text: string): boolean {
      this.written.push(text)
      return !this.isFull
    }

    once(_: 'drain', listener: () => void): void {
      this.#drained = listener
    }

    drain(): void {
      this.isFull = false
      this.#drained?.()
    }
  }

  function writer(maxWaiting?: number): { writer: LineWriter; sink: Sink; endTurn: () => void } {
    const deferred: (() => void)[] = []
    const sink = new Sink()
    const clock = {
      monotonicNow: () => 0,
      wallNow: () => 0,
      setTimer: () => undefined,
      clearTimer: () => undefined,
      defer: (fn: () => void) => void deferred.push(fn),
    }
    return {
      writer: new LineWriter(sink, clock, maxWaiting),
      sink,
      endTurn: () => {
        for (const fn of deferred.splice(0)) fn()
      },
    }
  }

  it('once a turn', () => {
    const { writer: lineWriter, sink, endTurn } = writer()
    lineWriter.write('a')
    lineWriter.write('b')
    expect(sink.written).toEqual([])
    endTurn()
    expect(sink.written).toEqual(['a\nb\n'])
    endTurn()
    lineWriter.flush()
    expect(sink.written).toHaveLength(1)
  })

  it('waits for a slow reader, keeps no more than its bound, and then goes on', () => {
    const { writer: lineWriter, sink, endTurn } = writer(10)
    sink.isFull = true
    lineWriter.write('1')
    endTurn()
    expect(lineWriter.write('22222')).toBe(true)
    expect(lineWriter.write('33333')).toBe(false)
    expect(lineWriter.write('4')).toBe(true)
    endTurn()
    expect(sink.written).toEqual(['1\n'])
    sink.drain()
    expect(sink.written).toEqual(['1\n', '22222\n4\n'])
    lineWriter.write('5')
    endTurn()
    expect(sink.written.at(-1)).toBe('5\n')
  })
})

describe('the command line', () => {
  it('needs nothing', () => {
    expect(parseArguments([])).toEqual({
      status: 'RUN',
      options: { protocol: 'raft', workload: undefined, staleReads: false, nameLeader: false },
    })
  })

  it('takes what it knows', () => {
    expect(parseArguments(['--protocol', 'paxos', '--workload', 'g-set', '--stale-reads', '--name-leader'])).toEqual({
      status: 'RUN',
      options: { protocol: 'paxos', workload: 'g-set', staleReads: true, nameLeader: true },
    })
    expect(parseArguments(['--help'])).toEqual({ status: 'HELP' })
  })

  it.each([[['--protocol', 'zab']], [['--workload', 'tea']], [['--what']], [['x']], [['--protocol']]])(
    'says what is wrong with %j',
    (argv) => {
      expect(parseArguments(argv).status).toBe('WRONG')
    },
  )
})
