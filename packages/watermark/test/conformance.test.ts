// The state machine that the tests of shards use, under the suite that every state machine can be put under.

import { below } from '@mako/engine'
import { stateMachineSuite } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { encodeExecuted, VersionedMachine } from './machine.ts'

stateMachineSuite(vitest, {
  name: 'a multi-version store',
  kind: 'speculative',
  commands: (random) => {
    const writers = new Map<string, string>()
    return Array.from({ length: 100 }, (_, i) => {
      const [read, written] = [`key ${below(random, 5)}`, `key ${below(random, 5)}`]
      const id = `transaction ${i}`
      const executed = { id, reads: { [read]: writers.get(read) ?? 'nobody' }, writes: [written] }
      writers.set(written, id)
      return encodeExecuted(executed)
    })
  },
  create: () => {
    const machine = new VersionedMachine()
    return Object.assign(machine, { digest: () => JSON.stringify(machine.kept.map(({ id }) => id)) })
  },
})
