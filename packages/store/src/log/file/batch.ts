// Turns the writes of one append into the bytes of one write to a segment.
//
// Always true: the bytes of a batch are good until the next batch is made, which is after its write has finished:
// small appends are gathered in one buffer that is used again and again. What is larger is not copied, so that the
// buffer stays small: its payloads are handed to the system as they are, one behind the other.

import type { LogWrite } from '@mako/engine'
import { BLOCK, putRecordHeader, RECORD_HEADER_BYTES, recordBytes, recordChecksum, STATE } from './format.ts'

const COPY_BYTES = 256 * 1024

/** The payload of a write. */
export function payloadOf(write: LogWrite): Uint8Array {
  return write.type === 'block' ? write.block.bytes : write.state
}

/** Bytes that these writes take in a segment. */
export function batchBytes(writes: readonly LogWrite[]): number {
  let bytes = 0
  for (const write of writes) bytes += recordBytes(payloadOf(write).length)
  return bytes
}

export class BatchEncoder {
  #staging = new Uint8Array(16 * 1024)
  #view = new DataView(this.#staging.buffer)

  /** The records of these writes, `bytes` long together, for `offset` of the segment with this salt. */
  encode(writes: readonly LogWrite[], bytes: number, salt: number, offset: number): readonly Uint8Array[] {
    return bytes <= COPY_BYTES ? [this.#gather(writes, bytes, salt, offset)] : scatter(writes, salt, offset)
  }

  #gather(writes: readonly LogWrite[], bytes: number, salt: number, offset: number): Uint8Array {
    if (bytes > this.#staging.length) {
      this.#staging = new Uint8Array(Math.max(bytes, Math.min(COPY_BYTES, this.#staging.length * 2)))
      this.#view = new DataView(this.#staging.buffer)
    }
    const staging = this.#staging
    let at = 0
    for (const write of writes) {
      const payload = payloadOf(write)
      const end = at + recordBytes(payload.length)
      putHeader(this.#view, at, write, payload.length, offset)
      staging.set(payload, at + RECORD_HEADER_BYTES)
      staging.fill(0, at + RECORD_HEADER_BYTES + payload.length, end)
      this.#view.setUint32(at, recordChecksum(salt, offset + at, staging.subarray(at + 4, end)), true)
      at = end
    }
    return staging.subarray(0, bytes)
  }
}

function scatter(writes: readonly LogWrite[], salt: number, offset: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let at = offset
  for (const write of writes) {
    const payload = payloadOf(write)
    const header = new Uint8Array(RECORD_HEADER_BYTES)
    const padding = new Uint8Array(recordBytes(payload.length) - RECORD_HEADER_BYTES - payload.length)
    const view = new DataView(header.buffer)
    putHeader(view, 0, write, payload.length, offset)
    view.setUint32(0, recordChecksum(salt, at, header.subarray(4), payload, padding), true)
    parts.push(header, payload)
    if (padding.length > 0) parts.push(padding)
    at += recordBytes(payload.length)
  }
  return parts
}

function putHeader(view: DataView, at: number, write: LogWrite, payloadBytes: number, appendOffset: number): void {
  const type = write.type === 'block' ? BLOCK : STATE
  const truncate = write.type === 'block' && write.truncate
  putRecordHeader(view, at, { type, truncate, partition: write.partition, payloadBytes, appendOffset })
}
