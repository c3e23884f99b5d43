// `echo` and `unique-ids`: what a node answers alone, with nobody's consent.
//
// Always true: no two processes that ever ran make the same id, because each life of a process has 64 random bits of its
// own; no clock is trusted, so a restart within the same millisecond changes nothing.

import type { Body, Reply } from '../message.ts'

export function echo({ echo: said = null }: Body): Reply {
  return { type: 'echo_ok', echo: said }
}

/** Makes `n3-<life>-<counter>`. */
export class UniqueIds {
  readonly #prefix: string
  #counter = 0

  /** `life` names this life of the process and no other: 64 random bits. */
  constructor(nodeId: string, life: string) {
    this.#prefix = `${nodeId}-${life}-`
  }

  generate(): Reply {
    return { type: 'generate_ok', id: this.#prefix + (this.#counter++).toString(36) }
  }
}
