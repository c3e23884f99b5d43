// Histories in files: one JSON object a line, as `checkers/history.ts` says.
//
// Always true: a file that is there is whole: it is written beside and then renamed.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { formatHistory, parseHistory, type History } from '../checkers/history.ts'

/** Writes a history, over an older one if there is any. @throws what the file system says */
export function writeHistory(file: string, history: History): void {
  const beside = `${file}.tmp`
  writeFileSync(beside, formatHistory(history))
  renameSync(beside, file)
}

/**
 * Reads what `writeHistory` has written.
 * @throws MakoError `BAD_OPTION` naming the line that is not one of a history, or what the file system says
 */
export function readHistory(file: string): History {
  return parseHistory(readFileSync(file, 'utf8'))
}
