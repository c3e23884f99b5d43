// A stopwatch for wall and processor time. Always true: processor time is that of this process with all its threads,
// which other work on the machine changes far less than the wall's time.

/** What some operations have cost. */
export interface Cost {
  readonly operations: number
  readonly wallMs: number
  readonly cpuUs: number
}

/** Adds up what passes while it runs. */
export class Stopwatch {
  wallMs = 0
  cpuUs = 0
  #wall = 0
  #cpu: NodeJS.CpuUsage = { user: 0, system: 0 }

  start(): void {
    this.#cpu = process.cpuUsage()
    this.#wall = performance.now()
  }

  stop(): void {
    this.wallMs += performance.now() - this.#wall
    const { user, system } = process.cpuUsage(this.#cpu)
    this.cpuUs += user + system
  }
}

/** Of this process, since it began. */
export function ownCpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
