// Which streams this node leads, in which terms, and the set of barriers by which it opens an epoch.
//
// Always true: the terms that are noted here are those that the engine announced, and every barrier is fenced by them.
// So a set that is recorded whole was written by one process that had recorded everything of earlier terms of every
// stream before.

import { type LeaderHint, MakoError, type ReplicationEngine } from '@mako/engine'
import type { EpochHistory } from './epoch.ts'
import type { ShardLimits } from './limits.ts'
import { encodeBarrier } from './markers.ts'
import { type SendResult, sendResult } from './sender.ts'

/** 0 is no term of any leader. */
const NOT_LEADING = 0

export interface LedStream {
  readonly partition: number
  readonly term: number
}

export class Leadership {
  readonly #engine: ReplicationEngine
  readonly #partitions: readonly number[]
  readonly #terms: Float64Array

  constructor(engine: ReplicationEngine, partitions: readonly number[]) {
    this.#engine = engine
    this.#partitions = partitions
    this.#terms = new Float64Array(partitions.length).fill(NOT_LEADING)
  }

  won(stream: number, term: number): void {
    this.#terms[stream] = term
  }

  lost(stream: number): void {
    this.#terms[stream] = NOT_LEADING
  }

  /** An entry of this term is committed in a stream that this node still believes to lead in an earlier one. */
  isOvertaken(stream: number, term: number): boolean {
    const noted = this.#terms[stream]!
    return noted !== NOT_LEADING && term > noted
  }

  /** The first stream that the engine does not lead any more though it was won; undefined when there is none. */
  lostStream(): number | undefined {
    for (let stream = 0; stream < this.#partitions.length; stream++) {
      if (this.#terms[stream] !== NOT_LEADING && !this.#engine.isLeader(this.#partitions[stream])) return stream
    }
    return undefined
  }

  /** The streams with their terms when all are led here, else undefined. */
  all(): readonly LedStream[] | undefined {
    if (this.#terms.includes(NOT_LEADING) || this.lostStream() !== undefined) return undefined
    return this.#partitions.map((partition, stream) => ({ partition, term: this.#terms[stream]! }))
  }

  /**
   * Where to go with a transaction. `UNITED`: to the node that leads all streams, or nobody knows one. `DIVIDED`: the
   * streams are led by several nodes, or by this one without its having finished: that will change by itself.
   */
  whereElse(): { status: 'UNITED'; hint: LeaderHint | undefined } | { status: 'DIVIDED' } {
    let newest: LeaderHint | undefined
    for (const partition of this.#partitions) {
      if (this.#engine.isLeader(partition)) return { status: 'DIVIDED' }
      const hint = this.#engine.leaderHint(partition)
      if (!hint) return { status: 'UNITED', hint: undefined }
      if (hint.nodeId === this.#engine.nodeId) return { status: 'DIVIDED' }
      if (newest && newest.nodeId !== hint.nodeId) return { status: 'DIVIDED' }
      if (!newest || hint.term > newest.term) newest = hint
    }
    return { status: 'UNITED', hint: newest }
  }
}

/** One attempt to open an epoch: the same barrier for every stream, each sent until the engine has accepted it. */
export class BarrierSet {
  readonly epoch: number
  readonly start: number
  readonly streams: readonly LedStream[]
  readonly #closes: number
  readonly #engine: ReplicationEngine
  readonly #limits: ShardLimits
  #accepted = 0

  /** The number is above `above` and above everything recorded; the start at or above every stamp there is. */
  constructor(
    engine: ReplicationEngine,
    limits: ShardLimits,
    history: EpochHistory,
    streams: readonly LedStream[],
    above: number,
    start: number,
  ) {
    this.#engine = engine
    this.#limits = limits
    this.streams = streams
    this.start = start
    this.#closes = history.current?.number ?? 0
    this.epoch = Math.max(history.highest, above) + 1
    if (this.epoch > 0xffff_ffff) throw new MakoError('LAW_BROKEN', 'The epochs are used up.')
  }

  /** Sends what was not accepted yet. */
  send(): SendResult {
    const payload = encodeBarrier({ closes: this.#closes, opens: this.epoch, start: this.start })
    while (this.#accepted < this.streams.length) {
      const stream = this.#accepted
      const answer = this.#engine.addLog(payload, { ...this.streams[stream]!, kind: 'noop-barrier' })
      const result = sendResult(answer, stream, this.#limits)
      if (result.status !== 'SENT') return result
      this.#accepted++
    }
    return { status: 'SENT' }
  }
}
