// The golden scripts of testdata/: stories about Paxos, with everything that comes of each step. To take what is printed
// for what is expected run `vitest run FILE -u`, or set UPDATE_GOLDEN=1; then read every line that has changed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { paxos } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import { coreCommands, runGolden } from '../../testkit/src/golden/index.ts'
import { describePaxos } from './describe.ts'

const folder = join(import.meta.dirname, '../testdata')
const stories = readdirSync(folder).filter((name) => name.endsWith('.txt'))
const update = (): boolean =>
  process.env['UPDATE_GOLDEN'] === '1' || expect.getState().snapshotState.snapshotUpdateState === 'all'

describe('golden scripts', () => {
  it.each(stories)('%s', (story) => {
    const file = join(folder, story)
    const text = readFileSync(file, 'utf8')
    const printed = runGolden(text, coreCommands({ protocol: (options) => paxos(options), describe: describePaxos }), {
      update: update(),
    })
    if (printed !== text) writeFileSync(file, printed)
  })
})
