// What is measured side by side: a group of three replicas that makes entries durable or at least replicated, be it ours
// or a peer's.
//
// Always true: a system is started once in a run and measured many times, so that its measurements can alternate with
// those of the others; every operation that counts was answered with success; what a system costs is the processor time
// of all its processes, its clients' among them.

/**
 * `disk`: three processes, TCP over loopback, and an answer means that a majority has flushed. `memory`: the same, and
 * nothing is flushed. `one-process`: three replicas in one process, which neither flush nor use sockets.
 */
export type Setup = 'disk' | 'memory' | 'one-process'

export interface Load {
  /** How many operations are asked for and not answered yet, at any time. */
  readonly inFlight: number
  /** Of one entry or value. */
  readonly bytes: number
  /** That are measured, after `warmUpSeconds` that are not. */
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface Measurement {
  readonly operations: number
  readonly wallMs: number
  /** Of all processes, clients and servers, in the measured time. */
  readonly cpuUs: number
  /** Of that, what the process of the leader and of the clients has used, where it is known. */
  readonly leaderCpuUs?: number
  /** From the call to the answer of one operation. */
  readonly p50Us: number
  readonly p99Us: number
}

export interface RunningSystem {
  /** Works for at most about so long, so that no measurement pays for what happens at first; call it once, before them. */
  warmUp(seconds: number): Promise<void>
  /** @throws Error when an operation fails or nothing moves for 20 s; the system is then stopped, not measured again */
  measure(load: Load): Promise<Measurement>
  /** Ends all its processes, whatever happened before. */
  stop(): Promise<void>
}

export interface System {
  /** As rows and `--only` have it: `mako-raft`, `etcd-raft`, `nats`. */
  readonly name: string
  readonly kind: 'ours' | 'library' | 'server'
  /** Whether its clients wait for each operation: `only` when that is not its best shape, so that it is compared with the like. */
  readonly waiting?: 'only' | 'also'
  /** What it is, in which version. */
  readonly title: string
  /** How it is driven, and why that is its best shape. */
  readonly shape: string
  readonly setups: readonly Setup[]
  /** Why it cannot be measured here, with the packages that are missing; undefined when it can. */
  missing(): Promise<string | undefined>
  /** @param directory - an empty one, for all its files; whoever calls removes it */
  start(setup: Setup, directory: string): Promise<RunningSystem>
}
