// Charts as SVG, by hand: points and lines on two axes, and bars in parts. Always true: a chart is a string that needs
// nothing else; colours are classes (`s0`, `s1`, ...), which the page gives light and dark values.

import { numberText } from '../numbers.ts'

const WIDTH = 460
const HEIGHT = 300
const LEFT = 62
const RIGHT = 14
const TOP = 12
const BOTTOM = 40

export interface Point {
  readonly x: number
  readonly y: number
  /** From the least to the greatest of several measurements. */
  readonly range?: readonly [number, number]
}

export interface Series {
  readonly name: string
  /** Which colour. */
  readonly color: number
  readonly dashed?: boolean
  readonly points: readonly Point[]
}

/** Lines over two logarithmic axes. */
export function logLogChart(xTitle: string, yTitle: string, series: readonly Series[]): string {
  const points = series.flatMap((each) => each.points)
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b)
  const ys = points.flatMap(({ y, range }) => [y, ...(range ?? [])]).filter((y) => y > 0)
  if (xs.length === 0 || ys.length === 0) return ''
  const yTicks = decades(Math.min(...ys), Math.max(...ys))
  const x = logScale(xs[0]!, Math.max(xs.at(-1)!, xs[0]! * 2), LEFT + 16, WIDTH - RIGHT - 16)
  const y = logScale(yTicks[0]!, yTicks.at(-1)!, HEIGHT - BOTTOM, TOP)
  const lines = series.map(({ name, color, dashed, points: each }) => {
    const path = each.map((point, i) => `${i === 0 ? 'M' : 'L'}${at(x(point.x))} ${at(y(point.y))}`).join('')
    const marks = each.map((point) => {
      const [low, high] = point.range ?? [point.y, point.y]
      const title = `${name}, ${numberText(point.x)}: ${numberText(point.y)} (${numberText(low)} .. ${numberText(high)})`
      return (
        `<g><title>${escapeText(title)}</title>` +
        `<line class="range s${color}" x1="${at(x(point.x))}" x2="${at(x(point.x))}" y1="${at(y(low))}" y2="${at(y(high))}"/>` +
        `<circle class="mark s${color}" cx="${at(x(point.x))}" cy="${at(y(point.y))}" r="3.5"/></g>`
      )
    })
    return `<path class="line s${color}${dashed === true ? ' dashed' : ''}" d="${path}"/>${marks.join('')}`
  })
  const axes = [
    ...yTicks.map((tick) => {
      const position = at(y(tick))
      return (
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${position}" y2="${position}"/>` +
        `<text class="tick" x="${LEFT - 6}" y="${at(y(tick) + 4)}" text-anchor="end">${shortText(tick)}</text>`
      )
    }),
    ...xs.map(
      (tick) =>
        `<text class="tick" x="${at(x(tick))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${tick.toLocaleString('en')}</text>`,
    ),
    axisTitles(xTitle, yTitle),
  ]
  return svg(HEIGHT, `${axes.join('')}${lines.join('')}`)
}

export interface Bar {
  readonly name: string
  readonly parts: readonly { readonly name: string; readonly color: number; readonly value: number }[]
}

const BAR_HEIGHT = 18
const BAR_GAP = 8
const BAR_LEFT = 120

/** Bars that lie, each of parts one behind the other. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const sums = bars.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0))
  const longest = Math.max(...sums)
  if (bars.length === 0 || !(longest > 0)) return ''
  const scale = (value: number): number => (value / longest) * (WIDTH - BAR_LEFT - 60)
  const drawn = bars.map(({ name, parts }, i) => {
    const top = TOP + i * (BAR_HEIGHT + BAR_GAP)
    let left = BAR_LEFT
    const rectangles = parts.map(({ name: part, color, value }) => {
      const width = scale(value)
      const from = left
      left += width
      const text = escapeText(`${name}, ${part}: ${numberText(value)}`)
      return `<rect class="bar s${color}" x="${at(from)}" y="${top}" width="${at(width)}" height="${BAR_HEIGHT}"><title>${text}</title></rect>`
    })
    return (
      `<text class="tick" x="${BAR_LEFT - 8}" y="${top + 13}" text-anchor="end">${escapeText(name)}</text>` +
      rectangles.join('') +
      `<text class="tick" x="${at(left + 6)}" y="${top + 13}">${numberText(sums[i]!)}</text>`
    )
  })
  const height = TOP + bars.length * (BAR_HEIGHT + BAR_GAP) + 22
  const caption = `<text class="title" x="8" y="${height - 6}">${escapeText(title)}</text>`
  return svg(height, drawn.join('') + caption)
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function axisTitles(xTitle: string, yTitle: string): string {
  const middle = (TOP + HEIGHT - BOTTOM) / 2
  return (
    `<text class="title" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeText(xTitle)}</text>` +
    `<text class="title" transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${escapeText(yTitle)}</text>`
  )
}

function svg(height: number, content: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${content}</svg>`
}

/** Powers of ten from the one at or below the least to the one at or above the greatest. */
export function decades(least: number, greatest: number): number[] {
  const first = Math.floor(Math.log10(least))
  const last = Math.max(first + 1, Math.ceil(Math.log10(greatest)))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

function logScale(from: number, to: number, start: number, end: number): (value: number) => number {
  const [a, b] = [Math.log(from), Math.log(to)]
  return (value) => start + ((Math.log(value) - a) / (b - a)) * (end - start)
}

/** 1k, 10M: a power of ten. */
function shortText(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`
  if (value >= 1e3) return `${value / 1e3}k`
  return String(Number(value.toPrecision(1)))
}

function at(position: number): string {
  return position.toFixed(1)
}
