// The configurations that a search has been in: which operations are placed, and the state that they have led to.
//
// Always true: a configuration is compared word for word; a hash only says where to look. Memory grows with the number
// of configurations, and a configuration costs a few words however long the history is: of the bits that say which
// operations are placed, only those from the first that is not to the last that is.

const ALL = -1

/** A set of small whole numbers 0 to size - 1, which knows the stretch in which it is neither full nor empty. */
export class BitWindow {
  readonly words: Int32Array
  /** All words before this one are full. */
  low = 0
  /** All words after this one are empty. */
  high = 0

  constructor(size: number) {
    this.words = new Int32Array((size >>> 5) + 1)
  }

  add(bit: number): void {
    const word = bit >>> 5
    this.words[word]! |= 1 << (bit & 31)
    if (word > this.high) this.high = word
    while (this.words[this.low] === ALL) this.low++
  }

  delete(bit: number): void {
    const word = bit >>> 5
    this.words[word]! &= ~(1 << (bit & 31))
    if (word < this.low) this.low = word
    while (this.high > 0 && this.words[this.high] === 0) this.high--
  }

  has(bit: number): boolean {
    return (this.words[bit >>> 5]! & (1 << (bit & 31))) !== 0
  }
}

/** All configurations seen so far. */
export class SeenConfigurations {
  /** Records: hash, state, first word, number of words, the words. */
  #records = new Int32Array(1024)
  #end = 0
  /** Open addressing; 1 + the place of a record, 0 where there is none. */
  #table = new Int32Array(256)
  #count = 0

  /** Notes a configuration; false when it was there already. */
  add(state: number, required: BitWindow, optional: Int32Array): boolean {
    const { low, high, words } = required
    const length = Math.max(0, high - low + 1) + optional.length
    if (this.#end + length + 4 > this.#records.length) this.#growRecords(length)
    const records = this.#records
    const start = this.#end
    let hash = Math.imul(state ^ 0x811c9dc5, 0x01000193) ^ low
    let end = start + 4
    for (let i = low; i <= high; i++) {
      const word = words[i]!
      records[end++] = word
      hash = mix(hash, word)
    }
    for (let i = 0; i < optional.length; i++) {
      const word = optional[i]!
      records[end++] = word
      hash = mix(hash, word)
    }
    hash ^= hash >>> 15
    records[start] = hash
    records[start + 1] = state
    records[start + 2] = low
    records[start + 3] = length
    const mask = this.#table.length - 1
    let slot = hash & mask
    for (let there = this.#table[slot]!; there !== 0; there = this.#table[slot]!) {
      if (this.#equal(there - 1, start)) return false
      slot = (slot + 1) & mask
    }
    this.#table[slot] = start + 1
    this.#end = end
    if (++this.#count * 2 > this.#table.length) this.#growTable()
    return true
  }

  #equal(a: number, b: number): boolean {
    const records = this.#records
    const length = 4 + records[b + 3]!
    for (let i = 0; i < length; i++) if (records[a + i] !== records[b + i]) return false
    return true
  }

  #growRecords(length: number): void {
    const records = new Int32Array(2 * this.#records.length + length)
    records.set(this.#records)
    this.#records = records
  }

  #growTable(): void {
    const table = new Int32Array(2 * this.#table.length)
    const mask = table.length - 1
    for (let start = 0; start < this.#end; start += 4 + this.#records[start + 3]!) {
      let slot = this.#records[start]! & mask
      while (table[slot] !== 0) slot = (slot + 1) & mask
      table[slot] = start + 1
    }
    this.#table = table
  }
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x85ebca6b)
  return Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
}
