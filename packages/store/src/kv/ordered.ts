// A sorted map: the one place that knows which B+ tree the store uses.
//
// Always true: keys of one map are all numbers or all strings, and their order is that of `<`.

import sortedBtree from 'sorted-btree'

type Tree<K, V> = sortedBtree.default<K, V>
type TreeClass = typeof sortedBtree.default

/**
 * The tree is a CommonJS module with a `default` of its own, which Node leaves wrapped and bundlers unwrap: this works
 * with both.
 */
const imported = sortedBtree as unknown as TreeClass & { readonly default?: TreeClass }
const BTree: TreeClass = imported.default ?? imported

/**
 * One function for all maps, so that the tree calls but one and has it in its loop; each branch sees one type. Two
 * functions, one for each kind of keys, took a fifth longer for a whole transaction.
 */
function compare(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return a < b ? -1 : a > b ? 1 : 0
}

export class OrderedMap<K extends number | string, V> {
  readonly #tree: Tree<K, V> = new BTree<K, V>(undefined, compare)

  get(key: K): V | undefined {
    return this.#tree.get(key)
  }

  set(key: K, value: V): void {
    this.#tree.set(key, value)
  }

  delete(key: K): void {
    this.#tree.delete(key)
  }

  /** From `low` (inclusive) or the start; one array is reused for all pairs. The map must not change meanwhile. */
  ascending(low: K | undefined): IterableIterator<[K, V]> {
    return this.#tree.entries(low, [])
  }

  /** Down from `high` (inclusive) or the end; one array is reused for all pairs. The map must not change meanwhile. */
  descending(high: K | undefined): IterableIterator<[K, V]> {
    return this.#tree.entriesReversed(high, [])
  }
}
