// A vitest reporter that ends a run with one plain line, for people in a hurry and for CI.

import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 }
    for (const module of modules) {
      let tests = 0
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state !== 'pending') count[state]++
        tests++
      }
      // A file that could not even be collected is a failure too.
      if (tests === 0 && module.state() === 'failed') count.failed++
    }
    const line = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`
    writeFileSync(new URL('summary.log', import.meta.url), `${line}\n`)
    process.on('exit', () => console.log(line))
  }
}
