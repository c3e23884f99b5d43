// A mutant: one known wrong version of the code, as a small named patch.
//
//   what: one sentence that says what is wrong
//   law: the promise that it breaks
//   check: vitest packages/raft/test/election.test.ts        (what should catch it; tried in this order)
//   check: sim --protocol raft --seeds 400
//   equivalent: a proof sketch, when no check can tell it from the right code
//   file: packages/raft/src/node.ts
//   @@
//    a line that stays
//   -a line of the right code
//   +a line of the wrong code
//
// Always true: a hunk applies where its old lines are found, all of them, exactly once. When the code moves on and they
// are not, the mutant is stale, and that is a failure like any other.

export interface Hunk {
  readonly file: string
  readonly before: string
  readonly after: string
}

export interface Mutant {
  readonly name: string
  readonly what: string
  readonly law: string
  /** Command lines of the runner, the likeliest first. */
  readonly checks: readonly string[]
  /** Why no check can tell it from the right code; undefined for a mutant that must be caught. */
  readonly equivalent: string | undefined
  /** One of the few that every run of the gate tries. */
  readonly fast: boolean
  readonly hunks: readonly Hunk[]
}

/** A mutant that cannot be read, or does not apply. */
export class MutantError extends Error {}

/** @throws MutantError naming the line */
export function parseMutant(name: string, text: string): Mutant {
  const fields = new Map<string, string[]>()
  const hunks: Hunk[] = []
  let file: string | undefined
  let before: string[] | undefined
  let after: string[] = []
  const endHunk = (): void => {
    if (before === undefined) return
    if (file === undefined) throw new MutantError(`${name}: a hunk without a file.`)
    hunks.push({ file, before: before.join('\n'), after: after.join('\n') })
    before = undefined
    after = []
  }
  for (const [i, line] of text.split('\n').entries()) {
    const field = /^(what|law|check|equivalent|fast|file): ?(.*)$/.exec(line)
    if (line === '@@') {
      endHunk()
      before = []
    } else if (field !== null) {
      endHunk()
      const [, key, value] = field
      if (key === 'file') file = value
      else fields.set(key!, [...(fields.get(key!) ?? []), value!])
    } else if (before !== undefined && /^[ +-]/.test(line)) {
      if (!line.startsWith('+')) before.push(line.slice(1))
      if (!line.startsWith('-')) after.push(line.slice(1))
    } else if (line !== '') throw new MutantError(`${name}: line ${i + 1} makes no sense: ${line}`)
  }
  endHunk()
  const [what] = fields.get('what') ?? []
  const [law] = fields.get('law') ?? []
  if (what === undefined || law === undefined) throw new MutantError(`${name}: it must say "what" and "law".`)
  if (hunks.length === 0) throw new MutantError(`${name}: it changes nothing.`)
  for (const hunk of hunks) {
    if (hunk.before === hunk.after) throw new MutantError(`${name}: a hunk of ${hunk.file} changes nothing.`)
  }
  const checks = fields.get('check') ?? []
  const equivalent = fields.get('equivalent')?.join(' ')
  return { name, what, law, checks, equivalent, fast: fields.has('fast'), hunks }
}

/**
 * The wrong version of the files that a mutant changes.
 * @throws MutantError when old lines are not found exactly once
 */
export function applyMutant(mutant: Mutant, read: (file: string) => string): Map<string, string> {
  const changed = new Map<string, string>()
  for (const { file, before, after } of mutant.hunks) {
    const text = changed.get(file) ?? read(file)
    const pieces = text.split(`\n${before}\n`)
    if (pieces.length !== 2) {
      const found = pieces.length === 1 ? 'are not there' : `are there ${pieces.length - 1} times`
      throw new MutantError(`${mutant.name}: the old lines ${found} in ${file}:\n${before}`)
    }
    changed.set(file, pieces.join(`\n${after}\n`))
  }
  return changed
}
