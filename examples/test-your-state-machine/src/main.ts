// Runs the ledger with the bug until it shows, as `expect(result).toKeepTheLaws()` would show it.

import * as ledger from './ledger.ts'
import { storms } from './storms.ts'

const { seeds, report } = await storms(ledger, 200)
console.log(`${seeds} ${seeds === 1 ? 'seed' : 'seeds'}.\n`)
console.log(report ?? 'No law was broken.')
