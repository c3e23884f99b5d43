// Which peers can be measured here. Always true: one that cannot has a line that says why.

import type { System } from '../system.ts'

export interface Presence {
  readonly present: readonly System[]
  readonly notes: readonly string[]
}

export async function presence(systems: readonly System[]): Promise<Presence> {
  const missing = await Promise.all(systems.map((system) => system.missing()))
  return {
    present: systems.filter((_, i) => missing[i] === undefined),
    notes: systems.flatMap(({ name }, i) => (missing[i] === undefined ? [] : [`${name} is left out: ${missing[i]}`])),
  }
}
