// What the demo shows: a table that is redrawn in place on a terminal, one line a second elsewhere, and a summary.
//
// Always true: rendering is pure (a view in, lines out); only `Screen` writes, and it leaves the cursor behind the last
// line. Colour means nothing that the text does not say as well.

export interface NodeView {
  readonly id: string
  readonly process: 'starting' | 'running' | 'killed' | 'paused' | 'ended'
  readonly role: string
  readonly term: number
  readonly leader: string | undefined
  readonly speculativePerSecond: number
  readonly safePerSecond: number
  /** Stamps between the newest transaction and the watermark. */
  readonly watermarkLag: number
  readonly outstanding: number
  readonly replayedPerSecond: number
  readonly appliedBatches: number
  readonly committedBatches: number
  readonly diskBytesPerSecond: number
  readonly networkBytesPerSecond: number
  readonly flushesPerSecond: number
}

export interface TimelineEvent {
  /** Seconds since the demo began. */
  readonly at: number
  readonly text: string
}

export interface View {
  readonly phase: string
  readonly elapsedSeconds: number
  /** Of the current phase, 0 to 1. */
  readonly progress: number
  readonly nodes: readonly NodeView[]
  readonly safe: number
  readonly rolledBack: number
  readonly notLeader: number
  readonly busy: number
  readonly unknown: number
  /** Safe transactions per second, oldest first. */
  readonly history: readonly number[]
  readonly events: readonly TimelineEvent[]
}

export interface Style {
  readonly color: boolean
  readonly columns: number
}

const SPARKS = '▁▂▃▄▅▆▇█'
const SHOWN_EVENTS = 8

export function count(value: number): string {
  if (value >= 10_000_000) return `${(value / 1_000_000).toFixed(0)}M`
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)}M`
  if (value >= 100_000) return `${(value / 1_000).toFixed(0)}k`
  if (value >= 10_000) return `${(value / 1_000).toFixed(1)}k`
  return value.toFixed(0)
}

export function bytes(value: number): string {
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)} MB`
  if (value >= 1_000) return `${(value / 1_000).toFixed(0)} kB`
  return `${value.toFixed(0)} B`
}

export function sparkline(values: readonly number[]): string {
  const highest = Math.max(1, ...values)
  return values
    .map((value) => SPARKS[Math.min(SPARKS.length - 1, Math.floor((value / highest) * SPARKS.length))]!)
    .join('')
}

/** Aligned columns; the first one to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  )
}

/** The whole picture for a terminal. */
export function renderScreen(view: View, style: Style): string[] {
  const paint = painter(style.color)
  const [head, ...rows] = table([
    [
      'node',
      'process',
      'role',
      'term',
      'tx/s',
      'safe/s',
      'lag',
      'open',
      'replay/s',
      'applied',
      'disk/s',
      'net/s',
      'flush/s',
    ],
    ...view.nodes.map(nodeRow),
  ])
  const lines = [
    `${paint('bold', 'Mako')}  TPC-C on three processes  ${view.elapsedSeconds.toFixed(1).padStart(5)} s  ${bar(view.progress, 24)} ${view.phase}`,
    '',
    paint('dim', head!),
    ...rows.map((row, position) => paint(rowColor(view.nodes[position]!), row)),
    '',
    `safe ${count(view.safe)}   rolled back ${count(view.rolledBack)}   not leader ${count(view.notLeader)}   busy ${count(view.busy)}   unknown ${count(view.unknown)}`,
    `safe/s ${sparkline(view.history.slice(-60))}`,
    '',
    ...view.events
      .slice(-SHOWN_EVENTS)
      .map(({ at, text }) => `${paint('dim', `${at.toFixed(1).padStart(5)} s`)}  ${text}`),
  ]
  return lines.map((line) => clip(line, style.columns))
}

/** The same in one line, for a log. */
export function renderLine(view: View): string {
  const nodes = view.nodes.map((node) => {
    const state = node.process === 'running' ? node.role : node.process
    return `${node.id} ${state} t${node.term} ${node.appliedBatches}/${node.committedBatches}`
  })
  const speculative = view.nodes.reduce((sum, node) => sum + node.speculativePerSecond, 0)
  const safe = view.nodes.reduce((sum, node) => sum + node.safePerSecond, 0)
  const lag = Math.max(0, ...view.nodes.map((node) => node.watermarkLag))
  return (
    `${view.elapsedSeconds.toFixed(1).padStart(5)} s  ${view.phase.padEnd(8)} tx/s ${count(speculative).padStart(5)}` +
    `  safe/s ${count(safe).padStart(5)}  lag ${count(lag).padStart(5)}  ${nodes.join('  ')}`
  )
}

function nodeRow(node: NodeView): string[] {
  const known = node.process !== 'killed' && node.process !== 'starting'
  const figures = [
    node.role,
    String(node.term),
    count(node.speculativePerSecond),
    count(node.safePerSecond),
    count(node.watermarkLag),
    count(node.outstanding),
    count(node.replayedPerSecond),
    `${count(node.appliedBatches)}/${count(node.committedBatches)}`,
    bytes(node.diskBytesPerSecond),
    bytes(node.networkBytesPerSecond),
    count(node.flushesPerSecond),
  ]
  return [node.id, node.process, ...figures.map((figure) => (known ? figure : '-'))]
}

function bar(progress: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, progress)) * width)
  return `${'━'.repeat(full)}${'╌'.repeat(width - full)}`
}

type Paint = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'plain'

const CODES: Readonly<Record<Paint, string>> = { bold: '1', dim: '2', red: '31', yellow: '33', green: '32', plain: '0' }

function painter(color: boolean): (paint: Paint, text: string) => string {
  return (paint, text) => (color && paint !== 'plain' ? `\x1b[${CODES[paint]}m${text}\x1b[0m` : text)
}

function rowColor(node: NodeView): Paint {
  switch (node.process) {
    case 'killed':
      return 'red'
    case 'paused':
      return 'yellow'
    case 'running':
      return node.role === 'leading' ? 'green' : 'plain'
    case 'starting':
    case 'ended':
      return 'dim'
  }
}

/** Cuts a line to a width; escape sequences take no room, and what was painted is ended. */
function clip(line: string, columns: number): string {
  let shown = 0
  let at = 0
  while (at < line.length) {
    const escape = line[at] === '\x1b' ? line.indexOf('m', at) : -1
    if (escape >= 0) {
      at = escape + 1
      continue
    }
    if (shown === columns) return `${line.slice(0, at)}${line.includes('\x1b') ? '\x1b[0m' : ''}`
    shown++
    at++
  }
  return line
}

/** Where the picture goes: redrawn in place when it is a terminal, otherwise one line a second. */
export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #inPlace: boolean
  readonly #color: boolean
  #drawn = 0
  #lineAt = 0

  constructor(out: NodeJS.WriteStream, environment: NodeJS.ProcessEnv) {
    this.#out = out
    this.#inPlace = out.isTTY && environment['TERM'] !== 'dumb'
    this.#color = this.#inPlace && (environment['NO_COLOR'] ?? '') === ''
  }

  show(view: View): void {
    if (this.#inPlace) {
      const lines = renderScreen(view, { color: this.#color, columns: this.#out.columns - 1 })
      const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''
      this.#out.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}\x1b[0J`)
      this.#drawn = lines.length
    } else if (view.elapsedSeconds - this.#lineAt >= 1) {
      this.#lineAt = view.elapsedSeconds
      this.#out.write(`${renderLine(view)}\n`)
    }
  }

  /** An event as it happens; on a terminal it is part of the picture already. */
  event({ at, text }: TimelineEvent): void {
    if (!this.#inPlace) this.#out.write(`${at.toFixed(1).padStart(5)} s  * ${text}\n`)
  }

  /** Lines below the picture, which stays as it is. */
  print(lines: readonly string[]): void {
    this.#drawn = 0
    this.#out.write(`${lines.join('\n')}\n`)
  }
}
