// The logical clock of a shard: a counter, shared by all of its streams.
//
// Always true: it never goes back, no stamp is given out twice, and a stamp given out is above everything observed
// before. So the order of stamps contains the order of dependencies (Lamport 1978).

export class ShardClock {
  #now = 0

  /** The newest stamp that was given out or observed; 0 when there was none. */
  get now(): number {
    return this.#now
  }

  take(): number {
    return ++this.#now
  }

  observe(stamp: number): void {
    if (stamp > this.#now) this.#now = stamp
  }
}
