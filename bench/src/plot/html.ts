// The report as one page that needs nothing else: throughput against operations in flight, latency, where the processor
// time goes, and all rows below.

import { spreadText, numberText } from '../numbers.ts'
import { conditionsText, type RunReport } from '../report.ts'
import type { Row } from '../rows.ts'
import { type Bar, barChart, escapeText, logLogChart, type Series } from './chart.ts'

/** So many colours there are; the systems of a report never are more. */
const COLORS = 8
/** Bytes of the entries that are plotted. */
const PLOTTED_BYTES = 100
/** In flight when the processor is the limit. */
const BUSY_IN_FLIGHT = 1024

export function plotHtml(report: RunReport): string {
  const cells = cellsOf(report.rows)
  const plotted = cells.filter(({ bytes, inFlight }) => bytes === PLOTTED_BYTES && inFlight !== null)
  const systems = report.systems.map(({ name }) => name)
  const colorOf = (system: string): number => Math.max(0, systems.indexOf(system)) % COLORS
  const names = [...new Set(plotted.map(({ name }) => name))].filter((name) => hasCurve(plotted, name))
  const sections = names.map((name) => {
    const rows = plotted.filter((row) => row.name === name)
    return section(name, rows, colorOf)
  })
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mako, measured side by side</title>
<style>${STYLE}</style>
<h1>Mako, measured side by side</h1>
<p>${escapeText(report.command)}<br>${escapeText(conditionsText(report))}</p>
${legend(report, new Set(plotted.map(({ system }) => system)), colorOf)}
${sections.join('\n')}
<h2>All rows</h2>
${rowsTable(report.rows)}
${report.notes.length === 0 ? '' : `<h2>Notes</h2><ul>${report.notes.map((note) => `<li>${escapeText(note)}</li>`).join('')}</ul>`}
</html>
`
}

function section(name: string, rows: readonly Row[], colorOf: (system: string) => number): string {
  const unit = rows[0]!.unit
  const charts = [
    ['Throughput', logLogChart('in flight', unit, seriesOf(rows, colorOf, rateOf))],
    [
      'Latency: p50, and p99 dashed',
      logLogChart('in flight', 'ms', [
        ...seriesOf(rows, colorOf, ({ p50Ms }) => single(p50Ms)),
        ...seriesOf(rows, colorOf, ({ p99Ms }) => single(p99Ms)).map((each) => ({ ...each, dashed: true })),
      ]),
    ],
    [
      `Processor time at ${BUSY_IN_FLIGHT.toLocaleString('en')} in flight`,
      barChart('us for each operation: leader and clients, then the others', barsOf(rows, colorOf)),
    ],
  ]
  const figures = charts.flatMap(([title, chart]) =>
    chart === '' ? [] : [`<figure><figcaption>${title!}</figcaption>${chart!}</figure>`],
  )
  const systems = [...new Set(rows.map(({ system }) => system))]
  const keys = systems.map((system) => `<span class="key s${colorOf(system)}"></span>${escapeText(system)}`)
  return (
    `<h2>${escapeText(name)}</h2><p>${escapeText(rows[0]!.about)}; entries of ${PLOTTED_BYTES} bytes</p>` +
    `<p class="keys">${keys.join(' ')}</p><div class="charts">${figures.join('')}</div>`
  )
}

/** One row for each cell, whatever it is compared with. */
function cellsOf(rows: readonly Row[]): Row[] {
  const cells = new Map(rows.map((row) => [[row.name, row.system, row.inFlight, row.bytes].join(' '), row]))
  return [...cells.values()]
}

/** Whether there is more than one load to draw a line through. */
function hasCurve(rows: readonly Row[], name: string): boolean {
  return new Set(rows.filter((row) => row.name === name).map(({ inFlight }) => inFlight)).size > 1
}

type Value = { readonly y: number; readonly range?: readonly [number, number] } | undefined

function rateOf({ rate }: Row): Value {
  return rate === null ? undefined : { y: rate.median, range: [rate.min, rate.max] }
}

function single(value: number | null): Value {
  return value === null ? undefined : { y: value }
}

function seriesOf(rows: readonly Row[], colorOf: (system: string) => number, valueOf: (row: Row) => Value): Series[] {
  return [...new Set(rows.map(({ system }) => system))].map((system) => ({
    name: system,
    color: colorOf(system),
    points: rows
      .filter((row) => row.system === system)
      .flatMap((row) => {
        const value = valueOf(row)
        return value === undefined ? [] : [{ x: row.inFlight!, ...value }]
      })
      .sort((a, b) => a.x - b.x),
  }))
}

function barsOf(rows: readonly Row[], colorOf: (system: string) => number): Bar[] {
  return rows
    .filter(({ inFlight, cpuUsPerOp }) => inFlight === BUSY_IN_FLIGHT && cpuUsPerOp !== null)
    .map(({ system, cpuUsPerOp, leaderCpuUsPerOp }) => {
      const color = colorOf(system)
      const all = cpuUsPerOp!
      if (leaderCpuUsPerOp === null) return { name: system, parts: [{ name: 'all', color, value: all }] }
      const leader = Math.min(all, leaderCpuUsPerOp)
      return {
        name: system,
        parts: [
          { name: 'leader and clients', color, value: leader },
          { name: 'the others', color: color + COLORS, value: all - leader },
        ],
      }
    })
}

function legend(report: RunReport, shown: ReadonlySet<string>, colorOf: (system: string) => number): string {
  const items = report.systems
    .filter(({ name }) => shown.has(name))
    .map(
      ({ name, title, shape }) =>
        `<li><span class="key s${colorOf(name)}"></span><b>${escapeText(name)}</b> ${escapeText(title)}: ${escapeText(shape)}</li>`,
    )
  return `<ul class="legend">${items.join('')}</ul>`
}

function rowsTable(rows: readonly Row[]): string {
  const header = [
    'what',
    'system',
    'in flight',
    'bytes',
    'rate',
    'unit',
    'p50 ms',
    'p99 ms',
    'CPU us/op',
    'peer',
    'ratio',
  ]
  const cells = rows.map((row) => [
    row.name,
    row.system,
    numberText(row.inFlight),
    numberText(row.bytes),
    spreadText(row.rate),
    row.unit,
    numberText(row.p50Ms),
    numberText(row.p99Ms),
    numberText(row.cpuUsPerOp),
    row.peer ?? '',
    spreadText(row.ratio),
  ])
  const line = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeText(text)}</${tag}>`).join('')}</tr>`
  return `<div class="scroll"><table>${line('th', header)}${cells.map((texts) => line('td', texts)).join('')}</table></div>`
}

/** What differs between light and dark; the second half are the same colours, paler. */
const LIGHT = ['#0b6e8f', '#3f8f2e', '#c2571a', '#8a4fb5', '#b8860b', '#c0325a', '#4a6fd0', '#6b6b6b']
const DARK = ['#58c4e6', '#8fd67a', '#f0965a', '#c79be8', '#e6c04f', '#f0809f', '#92aef5', '#b0b0b0']

function colors(values: readonly string[]): string {
  return values.map((value, i) => `.s${i}{--c:${value}}.s${i + COLORS}{--c:${value};opacity:.45}`).join('')
}

const STYLE = `
:root{--ink:#1c2024;--soft:#5c6670;--grid:#dfe3e7;--paper:#fff;color-scheme:light dark}
${colors(LIGHT)}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#9aa4ae;--grid:#333a41;--paper:#15181b}${colors(DARK)}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1440px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .2rem}p{color:var(--soft);margin:.2rem 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:1rem}
figure{margin:.6rem 0}figcaption{font-weight:600}svg{width:100%;height:auto;display:block}
.grid{stroke:var(--grid)}.tick{font-size:11px;fill:var(--soft)}.title{font-size:12px;fill:var(--soft)}
.line{fill:none;stroke:var(--c);stroke-width:2}.dashed{stroke-dasharray:5 4}.range{stroke:var(--c);stroke-width:1.5;opacity:.55}
.mark,.bar{fill:var(--c)}
.legend{list-style:none;padding:0;color:var(--soft)}.legend b{color:var(--ink)}

.keys{color:var(--ink)}.keys .key{margin-left:1em}.keys .key:first-child{margin-left:0}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;background:var(--c);margin-right:.5em}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.15rem .6rem;text-align:left;border-bottom:1px solid var(--grid);white-space:nowrap}`
