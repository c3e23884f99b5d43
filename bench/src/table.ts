// Rows for people: one table for each group. Always true: a cell has one line, in which each of its peers has a column;
// what repeats from line to line is written once.

import { countText, numberText, spreadText } from './numbers.ts'
import { conditionsText, type RunReport } from './report.ts'
import type { Row } from './rows.ts'

interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
  /** Left out where it says the same as the line above. */
  readonly once?: boolean
  text(line: Line): string
}

/** All rows of one cell. */
interface Line {
  readonly row: Row
  readonly peers: ReadonlyMap<string, Row>
}

export function tablesText(report: RunReport): string {
  const tables = report.groups.flatMap(({ name, about }) => {
    const rows = report.rows.filter((row) => row.name.startsWith(`${name}/`))
    return rows.length === 0 ? [] : [`${name}: ${about}\n\n${tableText(name, rows)}`]
  })
  const notes = report.notes.map((note) => `note: ${note}`)
  return [`${report.command}\n${conditionsText(report)}`, ...tables, ...(notes.length === 0 ? [] : [notes.join('\n')])]
    .join('\n\n')
    .concat('\n')
}

function tableText(group: string, rows: readonly Row[]): string {
  const lines = linesOf(rows)
  const columns = columnsOf(group, lines)
  const texts = lines.map((line) => columns.map((column) => column.text(line)))
  const cells = texts.map((line, i) =>
    line.map((text, c) => (columns[c]!.once === true && i > 0 && isSame(line, texts[i - 1]!, columns, c) ? '' : text)),
  )
  const titles = columns.map(({ title }) => title)
  const widths = titles.map((title, c) => Math.max(title.length, ...cells.map((line) => line[c]!.length)))
  const aligned = (line: readonly string[]): string =>
    line
      .map((text, c) => (columns[c]!.align === 'left' ? text.padEnd(widths[c]!) : text.padStart(widths[c]!)))
      .join('  ')
      .trimEnd()
  return [aligned(titles), ...cells.map(aligned)].join('\n')
}

/** Whether this column and all that are written once before it say the same as in the line above. */
function isSame(line: readonly string[], above: readonly string[], columns: readonly Column[], upTo: number): boolean {
  return line.every((text, c) => c > upTo || columns[c]!.once !== true || text === above[c])
}

function linesOf(rows: readonly Row[]): Line[] {
  const lines = new Map<string, { row: Row; peers: Map<string, Row> }>()
  for (const row of rows) {
    const key = [row.name, row.inFlight, row.bytes, row.system].join(' ')
    const line = lines.get(key) ?? { row, peers: new Map<string, Row>() }
    if (row.peer !== null) line.peers.set(row.peer, row)
    lines.set(key, line)
  }
  return [...lines.values()]
}

function columnsOf(group: string, lines: readonly Line[]): Column[] {
  const peers = [...new Set(lines.flatMap((line) => [...line.peers.keys()]))]
  const figures = [...new Set(lines.flatMap(({ row }) => Object.keys(row.figures)))]
  const units = [...new Set(lines.map(({ row }) => row.unit))]
  const ofPeers = peers.map(
    (peer): Column => ({
      title: `x ${peer}`,
      align: 'right',
      text: (line) => spreadText(line.peers.get(peer)?.ratio ?? null),
    }),
  )
  const ofFigures = figures.map(
    (name): Column => ({ title: name, align: 'right', text: ({ row }) => figureText(row, name) }),
  )
  const columns: Column[] = [
    { title: 'what', align: 'left', once: true, text: ({ row }) => row.name.slice(group.length + 1) },
    { title: 'in flight', align: 'right', once: true, text: ({ row }) => countText(row.inFlight) },
    { title: 'bytes', align: 'right', once: true, text: ({ row }) => countText(row.bytes) },
    { title: 'system', align: 'left', text: ({ row }) => row.system },
    {
      title: `${units.length === 1 ? units[0]! : 'rate'} (min .. max)`,
      align: 'right',
      text: ({ row }) => spreadText(row.rate),
    },
    { title: 'unit', align: 'left', text: ({ row }) => (units.length === 1 ? '' : row.unit) },
    { title: 'p50 ms', align: 'right', text: ({ row }) => numberText(row.p50Ms) },
    { title: 'p99 ms', align: 'right', text: ({ row }) => numberText(row.p99Ms) },
    { title: 'CPU us/op', align: 'right', text: ({ row }) => numberText(row.cpuUsPerOp) },
    ...sparse(lines, [...ofPeers, ...ofFigures]),
  ]
  // A column that says nothing is not shown.
  return columns.filter((column) => lines.some((line) => column.text(line) !== ''))
}

/** Columns that most lines leave empty are put together into one, in which each says what it is. */
function sparse(lines: readonly Line[], columns: readonly Column[]): Column[] {
  const isSparse = (column: Column): boolean =>
    lines.filter((line) => column.text(line) !== '').length * 4 < lines.length
  const together = columns.filter(isSparse)
  if (together.length === 0) return [...columns]
  const text = (line: Line): string =>
    together.flatMap((column) => (column.text(line) === '' ? [] : [`${column.title} ${column.text(line)}`])).join(', ')
  return [...columns.filter((column) => !isSparse(column)), { title: 'also', align: 'left', text }]
}

/** The spread of a figure that stands for a rate; beside a rate its median is enough. */
function figureText({ rate, figures }: Row, name: string): string {
  const spread = figures[name]
  if (spread === undefined) return ''
  return rate === null ? spreadText(spread) : numberText(spread.median)
}
