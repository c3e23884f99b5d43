// The first good answer of many.

/** @throws Error with all reasons, when there is no good answer */
export async function firstOf<T>(answers: readonly Promise<T>[]): Promise<T> {
  try {
    return await Promise.any(answers)
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error
    throw new Error(error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join(' '))
  }
}
