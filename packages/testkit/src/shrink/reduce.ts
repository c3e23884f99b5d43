// Delta debugging over a list (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002): parts
// are left out, halves first, then smaller and smaller ones, for as long as what is left still fails.
//
// Always true: the result fails, and is a part of what was given, in the same order. What fails may fail for a chaotic
// reason, so parts are swept in order and not tried again and again: the work is linear in what is left.

/** What is left of `items` after an attempt without some of them, or undefined when it no longer fails. */
export type Attempt<T> = (items: readonly T[]) => Promise<readonly T[] | undefined>

/** Leaves out as much as possible. `isOver` tells when there is no time for more attempts. */
export async function reduce<T>(
  items: readonly T[],
  attempt: Attempt<T>,
  isOver: () => boolean = () => false,
): Promise<readonly T[]> {
  if (items.length === 0) return items
  const none = await attempt([])
  if (none !== undefined) return none
  let rest = items
  for (let size = Math.ceil(rest.length / 2); size >= 1 && rest.length > 1; size = nextSize(size, rest.length)) {
    const before = rest.length
    for (let at = 0; at < rest.length && !isOver(); ) {
      const without = [...rest.slice(0, at), ...rest.slice(at + size)]
      const left = without.length === 0 ? undefined : await attempt(without)
      if (left === undefined) at += size
      else rest = left
    }
    if (isOver() || (size === 1 && rest.length === before)) break
  }
  return rest
}

/** Half of it; single items are tried until a whole sweep has left out none. */
function nextSize(size: number, length: number): number {
  return Math.max(1, Math.min(Math.floor(size / 2), Math.ceil(length / 2)))
}
