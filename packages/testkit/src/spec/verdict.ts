// What a specification says of a trace. Always true: what is refused is refused by exactly one rule, the first that fails.

export type Verdict =
  | { readonly ok: true; readonly steps: number }
  | {
      readonly ok: false
      /** Place in `trace.events` of the event that no rule allows; the output that it belongs to ends there. */
      readonly step: number
      /** Stable, for programs. */
      readonly rule: string
      readonly message: string
    }

/** How a rule ends the reading of a trace. */
export class Refusal extends Error {
  readonly rule: string

  constructor(rule: string, message: string) {
    super(message)
    this.rule = rule
  }
}

export function check(holds: boolean, rule: string, message: string): asserts holds {
  if (!holds) throw new Refusal(rule, message)
}
