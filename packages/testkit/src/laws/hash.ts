// Hashes for comparing, not for security: 53 bits, so that they are plain numbers.

/** Hash of some bytes. */
export function hashBytes(bytes: Uint8Array): number {
  let a = 0x811c9dc5 ^ bytes.length
  let b = 0x9e3779b9
  const whole = bytes.length & ~3
  let i = 0
  for (; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    a = Math.imul(a ^ word, 0x01000193)
    b = Math.imul(b + word, 0x85ebca6b)
    b ^= b >>> 13
  }
  for (; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i]!, 0x01000193)
    b = Math.imul(b + bytes[i]!, 0x85ebca6b)
    b ^= b >>> 13
  }
  return join(a, b)
}

/** Hash of a short text. */
export function hashText(text: string): number {
  let a = 0x811c9dc5
  let b = text.length
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193)
    b = Math.imul(b + text.charCodeAt(i), 0x85ebca6b)
  }
  return join(a, b)
}

/** One hash of a hash and a further number; the order matters. */
export function combine(hash: number, value: number): number {
  let a = Math.imul(low(hash) ^ low(value), 0x01000193) ^ high(value)
  let b = Math.imul((high(hash) ^ Math.imul(high(value), 0x27d4eb2f)) + low(value), 0x85ebca6b)
  a = Math.imul(a ^ (b >>> 15), 0x2c1b3c6d)
  b = Math.imul(b ^ (a >>> 13), 0x297a2d39)
  return join(a, b)
}

/** The fingerprint of a history: equal histories have equal ones, and a history that differs anywhere differs here. */
export class HistoryHash {
  #value = 0

  /** What has happened, with up to five details. Not a list of details: this is called for every event. */
  add(what: number, first?: number, second?: number, third?: number, fourth?: number, fifth?: number): void {
    let value = combine(this.#value, what)
    if (first !== undefined) value = combine(value, first)
    if (second !== undefined) value = combine(value, second)
    if (third !== undefined) value = combine(value, third)
    if (fourth !== undefined) value = combine(value, fourth)
    if (fifth !== undefined) value = combine(value, fifth)
    this.#value = value
  }

  /** 14 hexadecimal digits. */
  toString(): string {
    return this.#value.toString(16).padStart(14, '0')
  }
}

function low(value: number): number {
  return value | 0
}

function high(value: number): number {
  return (value / 0x1_0000_0000) | 0
}

function join(a: number, b: number): number {
  const mixed = Math.imul(a ^ (b >>> 16), 0x45d9f3b)
  return (mixed >>> 0) * 0x20_0000 + ((Math.imul(b ^ (a >>> 15), 0x119de1f3) >>> 11) & 0x1f_ffff)
}
