// The bytes of a segment file: a header of 512 bytes, then records, each padded to a multiple of 8 bytes.
//
//   header   0 "MAKOLOG\n"   8 u32 format version  12 u32 salt  16 f64 segment number
//           24 u8 length + cluster id (at most 200 bytes), then u8 length + node id  508 u32 crc32 of all before
//   record   0 u32 crc32 of all that follows, padding too    4 u32 payload bytes
//            8 u32 offset at which the append of this record began   12 u32 partition
//           16 u8 type (1 block, 2 state, 3 seal)  17 u8 1 to truncate   18 u16 zero   20 payload
//
// Always true: a record's checksum starts from the segment's random salt plus the record's own offset, so bytes of
// another segment, of another place, of a user's payload, or zeros are never taken for a record.
//
// A segment is written by one start of a node only, and once it holds a `seal` record it never changes again; every
// segment but the newest is sealed. Trimming a prefix later needs no change of format: write the hard states of all
// partitions into the newest segment, then raise `first` in the metadata, then unlink the older files.

import { crc32 } from 'node:zlib'

export const FORMAT_VERSION = 1
export const HEADER_BYTES = 512
export const RECORD_HEADER_BYTES = 20
/** A seal has no payload. */
export const SEAL_BYTES: number = recordBytes(0)

export const BLOCK = 1
export const STATE = 2
export const SEAL = 3

/** Longest name of a cluster or node, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 200

const MAGIC = new TextEncoder().encode('MAKOLOG\n')
const CHECKSUM_AT = HEADER_BYTES - 4
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface SegmentHeader {
  readonly version: number
  readonly salt: number
  readonly number: number
  readonly clusterId: string
  readonly nodeId: string
}

/** The file name of a segment; names sort as numbers do. */
export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.segment`
}

/** The number in a segment's file name, or undefined for another file. */
export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{10})\.segment$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function encodeHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC)
  view.setUint32(8, header.version, true)
  view.setUint32(12, header.salt, true)
  view.setFloat64(16, header.number, true)
  let at = 24
  for (const name of [header.clusterId, header.nodeId]) {
    const encoded = encoder.encode(name)
    bytes[at] = encoded.length
    bytes.set(encoded, at + 1)
    at += 1 + encoded.length
  }
  view.setUint32(CHECKSUM_AT, crc32(bytes.subarray(0, CHECKSUM_AT)), true)
  return bytes
}

/** Reads a header, of a later version too as long as magic, version and checksum are where they are; or undefined. */
export function decodeHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < HEADER_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(CHECKSUM_AT, true) !== crc32(bytes.subarray(0, CHECKSUM_AT))) return undefined
  const clusterEnd = 25 + bytes[24]!
  const nodeEnd = clusterEnd + 1 + bytes[clusterEnd]!
  return {
    version: view.getUint32(8, true),
    salt: view.getUint32(12, true),
    number: view.getFloat64(16, true),
    clusterId: decoder.decode(bytes.subarray(25, clusterEnd)),
    nodeId: decoder.decode(bytes.subarray(clusterEnd + 1, nodeEnd)),
  }
}

/** Bytes of a record with this payload, header and padding included. */
export function recordBytes(payloadBytes: number): number {
  return Math.ceil((RECORD_HEADER_BYTES + payloadBytes) / 8) * 8
}

export interface RecordHeader {
  readonly type: number
  readonly truncate: boolean
  readonly partition: number
  readonly payloadBytes: number
  /** Offset at which the append that this record belongs to began. */
  readonly appendOffset: number
}

/** Writes all of a record's header but its checksum at `at`. */
export function putRecordHeader(view: DataView, at: number, header: RecordHeader): void {
  view.setUint32(at + 4, header.payloadBytes, true)
  view.setUint32(at + 8, header.appendOffset, true)
  view.setUint32(at + 12, header.partition, true)
  view.setUint8(at + 16, header.type)
  view.setUint8(at + 17, header.truncate ? 1 : 0)
  view.setUint16(at + 18, 0, true)
}

/** The checksum of a record at `offset` in a segment, over its bytes without the first four, in one or more pieces. */
export function recordChecksum(salt: number, offset: number, ...pieces: readonly Uint8Array[]): number {
  let sum = (salt + offset) >>> 0
  for (const piece of pieces) sum = crc32(piece, sum)
  return sum
}

/** Could there be a record here? Cheap, and true of every record; the checksum decides. */
export function peekRecord(view: DataView, at: number): RecordHeader | undefined {
  if (at + RECORD_HEADER_BYTES > view.byteLength) return undefined
  const type = view.getUint8(at + 16)
  const flag = view.getUint8(at + 17)
  if (type < BLOCK || type > SEAL || flag > 1 || view.getUint16(at + 18, true) !== 0) return undefined
  const payloadBytes = view.getUint32(at + 4, true)
  if (at + recordBytes(payloadBytes) > view.byteLength) return undefined
  const appendOffset = view.getUint32(at + 8, true)
  const partition = view.getUint32(at + 12, true)
  return { type, truncate: flag === 1, partition, payloadBytes, appendOffset }
}

/** Does the checksum of the record at `at` of these bytes fit a record at `offset` of the segment with this salt? */
export function checkRecord(
  bytes: Uint8Array,
  at: number,
  payloadBytes: number,
  salt: number,
  offset: number,
): boolean {
  const end = at + recordBytes(payloadBytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(at, true) === recordChecksum(salt, offset, bytes.subarray(at + 4, end))
}
