// `add-nodes n=3 [seed=1] [LIMIT=N] [OPTION=VALUE]`: makes nodes a, b, c, ... with empty logs, and starts them. Limits
// of the core and options of the protocol are given by their names, with dashes: `tail-bytes=0 pre-vote=false`.

import type { CoreLimits } from '@mako/engine'
import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

const LIMITS: readonly (keyof CoreLimits)[] = ['inflightEntries', 'inflightBytes', 'messageBytes', 'tailBytes']

export function addNodes<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const count = command.whole('n')
  if (count < 1 || count > 26) throw command.mistake('"n" must be 1 to 26')
  const seed = command.whole('seed', 1)
  const limits: Partial<Record<keyof CoreLimits, number>> = {}
  for (const limit of LIMITS) {
    const key = dashed(limit)
    if (command.optional(key) !== undefined) limits[limit] = command.whole(key)
  }
  const protocol = Object.fromEntries(
    command.rest().map(([key, values]) => {
      if (values.length !== 1) throw command.mistake(`"${key}" takes one value`)
      return [camel(key), valueOf(values[0]!)]
    }),
  )
  cluster.addNodes({ count, seed, limits, protocol })
}

function valueOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^\d+$/.test(text) ? Number(text) : text
}

function camel(key: string): string {
  return key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function dashed(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
