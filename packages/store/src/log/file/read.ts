// Reads blocks back from their segments: neighbours in one read, each checked before it is handed out.
//
// Always true: a block that is returned has the checksum it was written with and is the one the ledger says; anything
// else is a typed error with segment and offset.

import { join } from 'node:path'
import { type Block, decodeBlock } from '@mako/engine'
import { corruptLog } from './faults.ts'
import type { LogFiles } from './files.ts'
import { BLOCK, checkRecord, peekRecord, RECORD_HEADER_BYTES, recordBytes, segmentName } from './format.ts'
import type { Ledger, PlacedBlock } from './ledger.ts'

/** Records of other partitions lie between; reading over a few is cheaper than another system call. */
const GAP_BYTES = 4096

/** @throws MakoError `CORRUPT_LOG`; otherwise the system's errors */
export async function readBlocks(
  files: LogFiles,
  directory: string,
  places: readonly PlacedBlock[],
  ledger: Ledger,
): Promise<Block[]> {
  const blocks: Block[] = []
  for (const run of neighbours(places)) {
    const { segment, offset: start } = run[0]!
    const last = run.at(-1)!
    const name = segmentName(segment)
    const bytes = new Uint8Array(last.offset + recordBytes(last.bytes) - start)
    const file = await files.open(join(directory, name), 'read')
    let length: number
    try {
      length = await file.read(bytes, start)
    } finally {
      await file.close()
    }
    const there = bytes.subarray(0, length)
    for (const place of run) blocks.push(blockAt(there, place.offset - start, place, ledger.saltOf(segment)))
  }
  return blocks
}

/** Cuts the list where the segment changes, the offset goes back, or the gap is too wide. */
function neighbours(places: readonly PlacedBlock[]): PlacedBlock[][] {
  const runs: PlacedBlock[][] = []
  let end = 0
  let segment = 0
  for (const place of places) {
    const near = place.segment === segment && place.offset >= end && place.offset - end <= GAP_BYTES
    if (near) runs.at(-1)!.push(place)
    else runs.push([place])
    segment = place.segment
    end = place.offset + recordBytes(place.bytes)
  }
  return runs
}

function blockAt(bytes: Uint8Array, at: number, place: PlacedBlock, salt: number): Block {
  const name = segmentName(place.segment)
  const record = peekRecord(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at)
  const good =
    record?.type === BLOCK &&
    record.payloadBytes === place.bytes &&
    checkRecord(bytes, at, place.bytes, salt, place.offset)
  if (!good) throw corruptLog(name, place.offset, `the record of the block at index ${place.index} is bad`)
  const start = at + RECORD_HEADER_BYTES
  return decodeBlock(bytes.subarray(start, start + place.bytes))
}
