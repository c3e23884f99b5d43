// What client and server of the ledger say to each other.

/** A request. The fixed ledger gives each deposit a name, which is the same however often it is asked for. */
export interface Deposit {
  readonly account: string
  readonly amount: number
  readonly id?: string
}

/** What a server answers. */
export type Reply =
  | { readonly status: 'done'; readonly balance: number }
  | { readonly status: 'again'; readonly leader: string | undefined }

/** What a client can do, in production as in the simulator. */
export interface Bank {
  /** Asks this node, or any; undefined when it has not answered. */
  ask(node: string | undefined, deposit: Deposit): Promise<Reply | undefined>
  sleep(ms: number): Promise<void>
}
