// Mako's Raft lab for any protocol: nineteen cases by their names, on five production engines in virtual time.
// Always true: a case that does not apply to a protocol is named with the reason, never passed over in silence.

import { CRASH_CASES } from './crash-cases.ts'
import { LAB_CASES, type LabCase } from './cases.ts'
import { createLab, type LabOptions } from './lab.ts'

export {
  createLab,
  LAB_TUNING,
  type Lab,
  type LabCluster,
  type LabOptions,
  type LabTuning,
  type Started,
} from './lab.ts'
export type { LabCase } from './cases.ts'

/** All cases, in upstream's order. */
export const LAB: readonly LabCase[] = [...LAB_CASES, ...CRASH_CASES]

/** Why a case means nothing for a protocol; undefined when it does. */
export function skipReason<Message>(
  labCase: LabCase,
  options: Pick<LabOptions<Message>, 'exactIndexes'>,
): string | undefined {
  if (labCase.needs === 'nothing' || options.exactIndexes) return undefined
  return 'a leader of this protocol commits what earlier ones have left at once, in its own name'
}

/**
 * Runs one case on a fresh lab.
 * @throws Error when the case does not hold, with the seed and the time
 */
export async function runLabCase<Message>(labCase: LabCase, options: LabOptions<Message>): Promise<void> {
  const lab = createLab(options)
  lab.cluster.startAll()
  await labCase.run(lab)
}
