// The bug of the ledger is found, made small and shown; the ledger without it keeps the laws.

import '@mako/testkit/vitest'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as fixed from '../src/fixed.ts'
import * as ledger from '../src/ledger.ts'
import { storms } from '../src/storms.ts'

describe('a ledger whose client asks again', () => {
  it('makes a deposit twice: found within 40 seeds, and a few operations are enough', async () => {
    const result = await storms(ledger, 40)
    expect(result.violation?.law).toBe('workload')
    expect(result.violation?.message).toContain('is not linearizable')
    const { schedule, operations, share } = result.shrunk!
    expect(operations.length).toBeLessThanOrEqual(4)
    expect(schedule.length).toBeLessThanOrEqual(4)
    expect(share).toBeLessThanOrEqual(0.5)
    console.log(result.report)
  }, 60_000)

  it('fails a test with everything that is known of it', async () => {
    const result = await storms(ledger, 40)
    expect(() => expect(result).toKeepTheLaws()).toThrow(
      new RegExp(
        `Repeat it: runSeeds.*first: ${result.seed}[^]*Enough of it:[^]*What clients did:[^]*What happened last:`,
      ),
    )
  }, 60_000)

  it('is shown by pnpm start', async () => {
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/main.ts'], { cwd })
    expect(stdout).toContain('is not linearizable')
    expect(stdout).toMatch(/^ +ms \| a +\| b/m)
  }, 60_000)
})

describe('a ledger with named deposits', () => {
  it('keeps the laws in 200 seeds', async () => {
    expect(await storms(fixed, 200)).toKeepTheLaws()
  }, 120_000)
})
