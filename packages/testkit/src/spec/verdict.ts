// What a specification says of a trace.

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
