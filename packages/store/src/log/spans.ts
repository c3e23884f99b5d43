// Where the blocks of one partition are: an ordered list without overlap.
//
// Always true: items ascend by index and no index is in two of them. A block is there wholly or not at all: a newer one
// removes every block that it overlaps, and what it does not cover of them stays empty (ADR 1, ADR 3).

import { type BlockSpan, lastIndexOf } from '@mako/engine'

/** An item knows its span and whatever else its store needs to find the block. */
export class SpanList<Item extends BlockSpan> {
  readonly #items: Item[] = []

  /** A copy of the list. */
  toArray(): Item[] {
    return this.#items.slice()
  }

  /** Puts an item in the place of all that it overlaps; with `truncate` everything behind them goes as well. */
  put(item: Item, truncate: boolean): void {
    const items = this.#items
    const newest = items.at(-1)
    if (newest === undefined || lastIndexOf(newest) < item.index) {
      items.push(item)
      return
    }
    const start = this.#firstEndingAtOrAfter(item.index)
    let end = truncate ? items.length : start
    while (end < items.length && items[end]!.index <= lastIndexOf(item)) end++
    items.splice(start, end - start, item)
  }

  /**
   * The items from the one that holds `from`, as long as there is no gap and they add up to at most `maxBytes`; the
   * first is always among them.
   */
  run(from: number, maxBytes: number, bytesOf: (item: Item) => number): Item[] {
    const items = this.#items
    let position = this.#firstEndingAtOrAfter(from)
    const found: Item[] = []
    let next = from
    let bytes = 0
    for (; position < items.length; position++) {
      const item = items[position]!
      if (item.index > next) break
      bytes += bytesOf(item)
      if (found.length > 0 && bytes > maxBytes) break
      found.push(item)
      next = lastIndexOf(item) + 1
    }
    return found
  }

  /** Position of the first item whose last index is at or behind `index`; the length when there is none. */
  #firstEndingAtOrAfter(index: number): number {
    let low = 0
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastIndexOf(this.#items[middle]!) < index) low = middle + 1
      else high = middle
    }
    return low
  }
}
