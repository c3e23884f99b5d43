// A trace for people: time on the left, one column for each node.
//
// Always true: events are shown in the order of the trace, and no line is longer than asked for. What one node does at
// one instant stands in one cell; what was done to the world stands across all columns.

import { lastIndexOf, type BlockSpan, type NodeId } from '@mako/engine'
import type { Json, Trace, TracedMessage, TraceEvent } from './event.ts'

export interface TimelineOptions {
  /** The columns. @default all nodes */
  readonly nodes?: readonly NodeId[]
  /** Virtual milliseconds, both included. @default all */
  readonly from?: number
  readonly to?: number
  /** @default all; then phrases begin with the number of the partition when there are several */
  readonly partition?: number
  /** Characters of a line. @default 160 */
  readonly width?: number
}

const TIME_WIDTH = 11
const GAP = ' | '
const MIN_COLUMN = 16

/** What one node did at one instant. */
interface Cell {
  readonly at: number
  /** Undefined across all columns. */
  readonly node: NodeId | undefined
  readonly phrases: string[]
}

/** Draws a trace, or a part of it, as text; every line ends with a line feed. */
export function renderTimeline(trace: Trace, options: TimelineOptions = {}): string {
  const { nodes = trace.nodes, width = 160 } = options
  const column = Math.floor((width - TIME_WIDTH) / Math.max(1, nodes.length)) - GAP.length
  if (column < MIN_COLUMN) throw new RangeError(`${nodes.length} nodes do not fit into ${width} characters.`)
  const row = (time: string, cells: readonly string[]): string =>
    [time.padStart(TIME_WIDTH), ...cells.map((cell) => cell.padEnd(column))].join(GAP).trimEnd()
  const across = width - TIME_WIDTH - GAP.length
  const lines = [
    row('ms', nodes),
    row(
      '-'.repeat(TIME_WIDTH),
      nodes.map(() => '-'.repeat(column)),
    ),
  ]
  if (trace.dropped > 0) lines.push(row('', [`(${trace.dropped} earlier events were not kept)`]))
  let before = ''
  for (const { at, node, phrases } of cellsOf(trace, nodes, options)) {
    const time = at.toFixed(3)
    const text = wrap(phrases, node === undefined ? across : column)
    for (const [i, line] of text.entries()) {
      const shown = i === 0 && time !== before ? time : ''
      const cells = nodes.map((each) => (each === node ? line : ''))
      lines.push(node === undefined ? row(shown, [line]) : row(shown, cells))
    }
    before = time
  }
  return `${lines.join('\n')}\n`
}

function cellsOf(trace: Trace, nodes: readonly NodeId[], options: TimelineOptions): Cell[] {
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, partition } = options
  const partitions = new Set(trace.events.map((event) => ('partition' in event ? event.partition : undefined)))
  const isTold = partition === undefined && [...partitions].filter((each) => each !== undefined).length > 1
  const cells: Cell[] = []
  for (const event of trace.events) {
    if (event.at < from || event.at > to) continue
    if (event.node !== undefined && !nodes.includes(event.node)) continue
    if ('partition' in event && partition !== undefined && event.partition !== partition) continue
    const phrase = phraseOf(event)
    if (phrase === undefined) continue
    const told = isTold && 'partition' in event ? `${event.partition}: ${phrase}` : phrase
    const node = 'partition' in event || event.type === 'crash' ? event.node : undefined
    const last = cells.at(-1)
    if (last !== undefined && last.at === event.at && last.node === node) joinPhrase(last.phrases, told)
    else cells.push({ at: event.at, node, phrases: [told] })
  }
  return cells
}

/** The same message to several nodes is one phrase, and so are entries that are applied one after another. */
function joinPhrase(phrases: string[], phrase: string): void {
  const last = phrases.at(-1)
  const send = /^(.*)-> (\S+) (.*)$/
  const apply = /^(.*)apply (?:(\d+)\.\.)?(\d+)$/
  const [, sentBefore, receivers, message] = send.exec(last ?? '') ?? []
  const [, sentNow, receiver, again] = send.exec(phrase) ?? []
  const [, appliedBefore, first, end] = apply.exec(last ?? '') ?? []
  const [, appliedNow, , index] = apply.exec(phrase) ?? []
  if (receiver !== undefined && sentNow === sentBefore && again === message) {
    phrases[phrases.length - 1] = `${sentNow ?? ''}-> ${receivers ?? ''},${receiver} ${again ?? ''}`
  } else if (index !== undefined && appliedNow === appliedBefore && Number(index) === Number(end) + 1) {
    phrases[phrases.length - 1] = `${appliedNow ?? ''}apply ${first ?? end ?? ''}..${index}`
  } else phrases.push(phrase)
}

/** What is said of an event; undefined when it is not worth a word. */
function phraseOf(event: TraceEvent): string | undefined {
  switch (event.type) {
    case 'start': {
      const { blocks, state } = event
      const last = blocks.at(-1)
      const log = last === undefined ? 'empty' : `1..${lastIndexOf(last)}`
      return `START life ${event.incarnation}, log ${log}${state === null ? '' : `, ${fieldsOf(state)}`}`
    }
    case 'deliver':
      return `<- ${event.from} ${messageOf(event.message)}`
    case 'durable':
      return `durable #${event.write}`
    case 'read-done':
      return `read ${event.blocks.map(placeOf).join(' ') || 'nothing'}`
    case 'peer-died':
      return `hears that ${event.peer} died`
    case 'campaign':
      return 'is told to campaign'
    case 'hand-over':
      return `is told to hand over to ${event.to ?? 'anyone'}`
    case 'propose':
      return `propose ${placeOf(event.block)}`
    case 'write':
      if (event.what === 'state') return `write #${event.write} ${fieldsOf(event.state)}`
      return `write #${event.write} ${placeOf(event.block)}${event.truncate ? ' TRUNCATES' : ''}`
    case 'send':
      return `-> ${event.to} ${messageOf(event.message)}${event.after > 0 ? ` after #${event.after}` : ''}`
    case 'read':
      return `reads from ${event.from}`
    case 'role': {
      const { role, term, leader } = event
      if (role === 'leader') return `LEADER of ${term}`
      return `${role} in ${term}${leader === null ? '' : ` of ${leader}`}`
    }
    case 'transfer':
      return `hand-over ${event.result}`
    case 'reader':
      return `reader ${event.request} begins`
    case 'reader-answer':
      return `reader ${event.request} ${event.index === null ? 'is turned away' : `may read at ${event.index}`}`
    case 'commit':
      return `COMMIT ${event.index}`
    case 'apply':
      return `apply ${event.index}`
    case 'answer': {
      const { status, count, index, term, reason } = event
      const where = index === undefined || term === undefined ? (reason ?? '') : placeOf({ index, count, term })
      return `answers ${status} ${where}`.trimEnd()
    }
    case 'crash':
      return 'CRASH'
    case 'pause':
    case 'resume':
      return `${event.type} ${event.node}`
    case 'cut':
    case 'join':
      return `${event.type} ${event.node} -> ${event.to}`
    case 'heal':
      return 'all faults end'
    case 'fault':
      return `fault: ${event.kind}${event.node === undefined ? '' : ` ${event.node}`} ${fieldsOf(event.detail ?? null)}`.trimEnd()
    case 'tick':
    case 'release':
      return undefined
  }
}

/** `append 5..9@3 term 3 previous 4@2 commit 4` */
function messageOf({ type, blocks, ...fields }: TracedMessage): string {
  const spans = Array.isArray(blocks) ? (blocks as unknown as readonly BlockSpan[]) : []
  const [first] = spans
  const range = first === undefined ? '' : ` ${rangeOf(spans)}`
  const rest = fieldsOf(fields)
  return `${type}${range}${rest === '' ? '' : ` ${rest}`}`
}

/** Consecutive blocks of one term as one range. */
function rangeOf(blocks: readonly BlockSpan[]): string {
  const runs: BlockSpan[] = []
  for (const block of blocks) {
    const last = runs.at(-1)
    if (last?.term === block.term && lastIndexOf(last) + 1 === block.index) {
      runs[runs.length - 1] = { ...last, count: last.count + block.count }
    } else runs.push(block)
  }
  return runs.map(placeOf).join(' ')
}

function placeOf({ index, count = 1, term }: { index: number; count?: number; term: number }): string {
  return `${index}${count > 1 ? `..${index + count - 1}` : ''}@${term}`
}

function fieldsOf(value: Json): string {
  if (value === null) return ''
  if (typeof value !== 'object') return String(value)
  if (isList(value)) return value.map(fieldsOf).join(' ')
  const { index, term, count } = value
  if (typeof index === 'number' && typeof term === 'number') {
    return placeOf({ index, term, count: typeof count === 'number' ? count : 1 })
  }
  return Object.entries(value)
    .filter(([, field]) => field !== null && field !== false)
    .map(([key, field]) => (field === true ? key : `${key} ${fieldsOf(field)}`))
    .join(' ')
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** Phrases one after another, broken between phrases if possible, else between words, else anywhere. */
function wrap(phrases: readonly string[], width: number): string[] {
  const lines: string[] = []
  let line = ''
  const end = (): void => {
    if (line !== '') lines.push(line)
    line = ''
  }
  for (const phrase of phrases) {
    if (line !== '' && line.length + 2 + phrase.length <= width) {
      line += `; ${phrase}`
      continue
    }
    end()
    for (const word of phrase.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        end()
        line = ' '
      }
      line = line === '' ? word : `${line} ${word}`
      while (line.length > width) {
        lines.push(line.slice(0, width))
        line = ` ${line.slice(width)}`
      }
    }
  }
  end()
  return lines
}
