// Where the blocks of one partition are: an ordered list without overlap, over which newer blocks are laid.
//
// Always true: items ascend by index and no index is in two of them. A block that is partly covered by a newer one
// keeps its uncovered entries, as one or two shorter items that still point at the block they were cut from.

import { type BlockSpan, lastIndexOf } from '@mako/engine'

/** An item knows its span and whatever else its store needs to find the block. */
export class SpanList<Item extends BlockSpan> {
  readonly #items: Item[] = []
  readonly #cut: (item: Item, index: number, count: number) => Item

  /** `cut` makes the item that stands for `count` entries of `item` from `index` on. */
  constructor(cut: (item: Item, index: number, count: number) => Item) {
    this.#cut = cut
  }

  /** A copy of the list. */
  toArray(): Item[] {
    return this.#items.slice()
  }

  /** Lays an item over what is there; with `truncate` everything behind its first index goes as well. */
  put(item: Item, truncate: boolean): void {
    const items = this.#items
    const newest = items.at(-1)
    if (newest === undefined || lastIndexOf(newest) < item.index) {
      items.push(item)
      return
    }
    const last = lastIndexOf(item)
    const start = this.#firstEndingAtOrAfter(item.index)
    const end = truncate ? items.length : this.#firstEndingAtOrAfter(last + 1)
    const replacement: Item[] = []
    const left = items[start]!
    if (left.index < item.index) replacement.push(this.#cut(left, left.index, item.index - left.index))
    replacement.push(item)
    // The item at `end` ends behind ours; when it also starts before our end, its rest stays.
    const right = truncate ? undefined : items[end]
    const covered = right !== undefined && right.index <= last
    if (covered) replacement.push(this.#cut(right, last + 1, lastIndexOf(right) - last))
    items.splice(start, end - start + (covered ? 1 : 0), ...replacement)
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
