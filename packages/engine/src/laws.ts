// The laws of DESIGN section 4 as far as one node can see them. They are checked in production, always: a node that
// finds one broken stops that partition before it can do harm, and says which.

import { MakoError } from './errors.ts'

export type Law = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

export const LAWS: Readonly<Record<Law, string>> = {
  1: 'commit never goes back and is never beyond the log',
  2: 'nothing at or below commit is rewritten',
  3: 'no message leaves before the write it promises',
  4: 'each node applies 1, 2, 3, ... without gap or repeat in one life',
  5: 'no two nodes apply different entries at one index',
  6: 'what is APPLIED is in every log at that index, and every call is answered',
  7: 'a term has at most one leader',
  8: 'what a node promised before a crash, it keeps after it',
}

/** The error for a broken law, to be thrown or reported by whoever found it. */
export function brokenLaw(law: Law, what: string): MakoError {
  return new MakoError('LAW_BROKEN', `Law ${law} (${LAWS[law]}) is broken: ${what}.`)
}
