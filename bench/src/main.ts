// `pnpm bench`: says what it does and how long that takes, measures, and prints a table or one JSON object.
//
// Exit code: 0 when all cases ran, 1 when one has failed, 2 for a mistake in the arguments.

import { parseArguments } from './arguments.ts'
import { cases } from './cases/index.ts'
import { caseReport, type RunReport, tableText, thisMachine } from './report.ts'
import { estimateSeconds, ROUNDS, runCases } from './run.ts'

// An early end goes the ordinary way, so that temporary directories are removed.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

const argv = process.argv.slice(2)
const parsed = parseArguments(argv, cases)
switch (parsed.status) {
  case 'HELP':
    console.log(parsed.text)
    break
  case 'WRONG':
    console.error(parsed.message)
    process.exitCode = 2
    break
  case 'RUN': {
    const { options } = parsed
    const machine = thisMachine()
    const startedAt = new Date().toISOString()
    const about = Math.ceil(estimateSeconds(options.cases, options.seconds))
    console.error(`${options.cases.length} cases, ${ROUNDS} rounds each, alternating: about ${about} s.`)
    const showProgress = process.stderr.isTTY
    const results = await runCases(options.cases, options.seconds, (round, { name }) => {
      if (showProgress) process.stderr.write(`\r\u001b[Kround ${round} of ${ROUNDS}: ${name}`)
    })
    if (showProgress) process.stderr.write('\r\u001b[K')
    const report: RunReport = {
      command: ['pnpm bench', ...argv].join(' '),
      startedAt,
      machine,
      rounds: ROUNDS,
      seconds: options.seconds,
      cases: results.map(caseReport),
    }
    console.log(options.json ? JSON.stringify(report) : tableText(report))
    break
  }
}
