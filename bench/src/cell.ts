// What is measured: a cell is one figure of one system under one load. Always true: cells that are to be compared have
// the same name and load, and stand side by side, so that they are neighbours in time in every round.

/** A further figure of a round, such as a part of a whole; more than one value when it was met more than once. */
export interface Figure {
  readonly name: string
  readonly values: readonly number[]
}

/** One round of one cell; null where it has no meaning. */
export interface Sample {
  readonly rate: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  /** Of all processes that take part, clients among them. */
  readonly cpuUsPerOp: number | null
  /** Of that, the process of the leader and of the clients. */
  readonly leaderCpuUsPerOp: number | null
  readonly figures: readonly Figure[]
}

/** A sample that has this much and nothing else. */
export function sample(parts: Partial<Sample>): Sample {
  return { rate: null, p50Ms: null, p99Ms: null, cpuUsPerOp: null, leaderCpuUsPerOp: null, figures: [], ...parts }
}

export function figure(name: string, ...values: readonly number[]): Figure {
  return { name, values }
}

/** What must be running while cells are measured. */
export interface Subject {
  readonly title: string
  /** Not a peer's: when it fails, so has the run. */
  readonly isOurs: boolean
  open(): Promise<void>
  /** Works for about so long before anything is measured, alone on the machine: what is translated at run time is so by then. */
  warmUp?(seconds: number): Promise<void>
  /** Ends everything that `open` has begun, whether it succeeded or not. */
  close(): Promise<void>
}

export interface Cell {
  /** `group/what`; with load, the path by which it can be asked for. */
  readonly name: string
  readonly system: string
  readonly about: string
  /** Of the rate. */
  readonly unit: string
  readonly inFlight: number | null
  readonly bytes: number | null
  /** Names of systems in whose terms its figures are also given: ours divided by theirs. */
  readonly peers: readonly string[]
  readonly subject: Subject
  /** What a round takes beyond the time that it measures. */
  readonly overheadSeconds: number
  measure(seconds: number): Promise<Sample>
}

/** Cells whose subjects run at the same time, and whose rounds alternate. */
export interface Stage {
  readonly cells: readonly Cell[]
  /** To open and close all subjects, roughly. */
  readonly setupSeconds: number
}

export interface Group {
  readonly name: string
  /** One line above its table. */
  readonly about: string
  readonly stages: readonly Stage[]
}

/** `engine/disk/64/100/mako-raft`; what has no load is left out. */
export function pathOf({ name, inFlight, bytes, system }: CellKey): string {
  return [name, inFlight, bytes, system].filter((part) => part !== null).join('/')
}

/** Asked for by its path, or by the front of it. */
export function isNamed(cell: CellKey, name: string): boolean {
  return `${pathOf(cell)}/`.startsWith(`${name}/`)
}

type CellKey = Pick<Cell, 'name' | 'inFlight' | 'bytes' | 'system'>
