// What happens to a log directory between two lives: everything is read and checked, and the end is made final.
//
// Always true afterwards: every segment that holds something is sealed, so the new life writes into a segment of its
// own and nothing of an unfinished append can ever come back. Nothing is changed on disk before all has been read and
// found whole; a crash anywhere in here leaves what the next recovery understands.

import { join } from 'node:path'
import { decodeBlock, type LogIdentity } from '@mako/engine'
import { corruptLog } from './faults.ts'
import { type LogFiles, readWhole, writeAt } from './files.ts'
import { BLOCK, decodeHeader, FORMAT_VERSION, HEADER_BYTES, segmentName, segmentNumber } from './format.ts'
import type { Ledger } from './ledger.ts'
import { checkOwner, type LogMeta, META_NAME, META_TEMPORARY_NAME, readMeta, wrongVersion, writeMeta } from './meta.ts'
import { PREPARED_SUFFIX, sealSegment } from './segment.ts'
import { type SegmentEnd, scanSegment } from './scan.ts'

export interface Recovered {
  /** The metadata of the new life, already durable. */
  readonly meta: LogMeta
  readonly warnings: readonly string[]
}

/**
 * Fills the ledger with what the directory holds and begins a new life in it.
 * @throws MakoError `CORRUPT_LOG`, `LOG_MISMATCH`; otherwise the system's errors
 */
export async function recoverDirectory(
  files: LogFiles,
  directory: string,
  identity: LogIdentity,
  ledger: Ledger,
): Promise<Recovered> {
  const names = await files.list(directory)
  const old = names.includes(META_NAME)
    ? await readMeta(files, directory)
    : { version: FORMAT_VERSION, ...ownerOf(identity), incarnation: 0, first: 1, sealed: 0 }
  checkOwner(join(directory, META_NAME), old, identity)
  const newest = newestSegment(names, old)

  const warnings: string[] = []
  let sealed = old.first - 1
  for (let number = old.first; number <= newest; number++) {
    const scanned = await readSegment(files, directory, number, identity, ledger)
    const { name, salt, bytes, end } = scanned
    if (end.type === 'damaged') {
      throw corruptLog(name, end.offset, `a record is bad and a later one, at ${end.proof}, is good`)
    }
    if (end.type === 'sealed') {
      // The life that sealed it may have ended before that flush, or because of it: what was read is in the system's
      // cache, and not yet sure to be on the disk. A later segment, or the metadata, is only there once it was.
      if (number === newest && number > old.sealed) await sealAgain(files, join(directory, name), salt, end.offset)
    } else {
      if (number < newest || number <= old.sealed) {
        throw corruptLog(name, end.offset, 'a record is bad or missing in a segment that was complete')
      }
      if (end.type === 'torn') {
        warnings.push(`Dropped an unfinished append: ${end.bytes} bytes of ${name} from offset ${end.offset} on.`)
      }
      // A segment without records is not worth keeping: the new life's first segment takes its place and name.
      if (end.offset === HEADER_BYTES) break
      await finish(files, join(directory, name), salt, bytes.subarray(0, end.offset), end.lastAppend)
    }
    sealed = number
  }

  for (const name of names) {
    if (name === META_TEMPORARY_NAME || name.endsWith(`.segment${PREPARED_SUFFIX}`)) {
      await files.unlink(join(directory, name))
    }
  }
  const meta: LogMeta = { ...old, incarnation: old.incarnation + 1, sealed }
  await writeMeta(files, directory, meta)
  return { meta, warnings }
}

/** The highest number there is, after it is sure that none is missing. */
function newestSegment(names: readonly string[], meta: LogMeta): number {
  const numbers = names.map(segmentNumber).filter((number) => number !== undefined)
  if (meta.incarnation === 0 && numbers.length > 0) throw corruptLog(META_NAME, 0, 'there are segments but no metadata')
  const present = new Set(numbers)
  const newest = Math.max(meta.sealed, ...numbers)
  for (let number = meta.first; number <= newest; number++) {
    if (!present.has(number)) throw corruptLog(segmentName(number), 0, 'a segment is missing')
  }
  return newest
}

async function readSegment(
  files: LogFiles,
  directory: string,
  number: number,
  identity: LogIdentity,
  ledger: Ledger,
): Promise<{ name: string; salt: number; bytes: Uint8Array; end: SegmentEnd }> {
  const name = segmentName(number)
  const bytes = await readWhole(files, join(directory, name))
  const header = decodeHeader(bytes)
  if (header === undefined) throw corruptLog(name, 0, 'the header of a segment is bad')
  if (header.version !== FORMAT_VERSION) throw wrongVersion(name, header.version)
  checkOwner(join(directory, name), header, identity)
  if (header.number !== number) throw corruptLog(name, 0, `the segment is number ${header.number} by its header`)
  ledger.addSegment(number, header.salt)
  const end = scanSegment(bytes, header.salt, (record, offset, payload) => {
    if (record.type !== BLOCK) {
      ledger.putState(record.partition, payload)
      return
    }
    ledger.putBlock(record.partition, decodeBlock(payload), payload.length, record.truncate, number, offset)
  })
  return { name, salt: header.salt, bytes, end }
}

/**
 * Takes away whatever lies behind the last good record, for good, and seals the segment. The last append is written
 * once more: the life that wrote it may have ended before its flush, or because of it, and then it was read from the
 * system's cache without being on the disk.
 */
async function finish(
  files: LogFiles,
  path: string,
  salt: number,
  good: Uint8Array,
  lastAppend: number,
): Promise<void> {
  const file = await files.open(path, 'write')
  try {
    await file.truncate(good.length)
    await writeAt(file, [good.subarray(lastAppend)], lastAppend)
    await sealSegment(file, salt, good.length)
  } finally {
    await file.close()
  }
}

async function sealAgain(files: LogFiles, path: string, salt: number, offset: number): Promise<void> {
  const file = await files.open(path, 'write')
  try {
    await sealSegment(file, salt, offset)
  } finally {
    await file.close()
  }
}

function ownerOf(identity: LogIdentity): { clusterId: string; nodeId: string } {
  return { clusterId: identity.clusterId, nodeId: identity.nodeId }
}
