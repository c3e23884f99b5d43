// One command of a golden script, with its arguments.
//
// Always true: an argument that no handler has asked for is a mistake in the script and is reported as one, so that a
// misspelt argument never makes a story mean something else than it says.

import { MakoError } from '@mako/engine'

/** `key=value`, or `key=(value, value)`. */
const ARGUMENT = /\s+([a-z][a-z-]*)=(?:\(([^()]*)\)|([^\s()=]+))/y

export class GoldenCommand {
  readonly name: string
  /** The lines between the command and `----`. */
  readonly input: readonly string[]
  readonly line: number
  readonly #arguments = new Map<string, readonly string[]>()
  readonly #asked = new Set<string>()

  /** @throws MakoError `BAD_OPTION` when the text is no command */
  constructor(text: string, input: readonly string[] = [], line = 1) {
    this.line = line
    this.input = input
    this.name = /^[a-z][a-z-]*/.exec(text)?.[0] ?? ''
    if (this.name === '') throw this.mistake(`"${text}" is no command`)
    ARGUMENT.lastIndex = this.name.length
    let end = this.name.length
    for (let found = ARGUMENT.exec(text); found; found = ARGUMENT.exec(text)) {
      const [, key, list, single] = found
      if (this.#arguments.has(key!)) throw this.mistake(`"${key!}" is given twice`)
      const values = list === undefined ? [single!] : list.split(',').map((value) => value.trim())
      if (values.includes('')) throw this.mistake(`"${key!}" has an empty value`)
      this.#arguments.set(key!, values)
      end = ARGUMENT.lastIndex
    }
    const rest = text.slice(end).trim()
    if (rest !== '') throw this.mistake(`"${rest}" is neither key=value nor key=(a,b)`)
  }

  /** All values of an argument; empty when it is not there. */
  list(key: string): readonly string[] {
    this.#asked.add(key)
    return this.#arguments.get(key) ?? []
  }

  /** The one value of an argument; undefined when it is not there. */
  optional(key: string): string | undefined {
    const values = this.list(key)
    if (values.length > 1) throw this.mistake(`"${key}" takes one value`)
    return values[0]
  }

  text(key: string): string {
    const value = this.optional(key)
    if (value === undefined) throw this.mistake(`"${key}" is missing`)
    return value
  }

  /** A whole number, 0 or more. */
  whole(key: string, otherwise?: number): number {
    const value = this.optional(key)
    if (value === undefined && otherwise !== undefined) return otherwise
    if (value === undefined || !/^\d+$/.test(value)) throw this.mistake(`"${key}" must be a whole number`)
    return Number(value)
  }

  /** One of these words. */
  choice<Word extends string>(key: string, words: readonly Word[], otherwise?: Word): Word {
    const value = this.optional(key) ?? otherwise
    const word = words.find((known) => known === value)
    if (word === undefined) throw this.mistake(`"${key}" must be one of ${words.join(', ')}`)
    return word
  }

  /** The arguments that nobody has asked for yet; they count as asked for from now on. */
  rest(): readonly (readonly [key: string, values: readonly string[]])[] {
    const rest = [...this.#arguments].filter(([key]) => !this.#asked.has(key))
    for (const [key] of rest) this.#asked.add(key)
    return rest
  }

  /** @throws MakoError `BAD_OPTION` when an argument was never asked for */
  finish(): void {
    const [unknown] = this.rest()
    if (unknown) throw this.mistake(`"${unknown[0]}" is no argument of ${this.name}`)
  }

  /** What to throw when the script asks for something that makes no sense. */
  mistake(what: string): MakoError {
    const name = this.name === '' ? '' : `${this.name}: `
    return new MakoError('BAD_OPTION', `Golden script, line ${this.line}: ${name}${what}.`)
  }
}
