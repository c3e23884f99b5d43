// The metadata of a log directory: whose it is, how often it was started, and which segments there must be.
//
// Always true: the file is replaced as a whole (written beside, flushed, renamed, directory flushed), so it is always
// either the older or the newer version; and it is there before the first segment is.

import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type LogIdentity, MakoError } from '@mako/engine'
import { corruptLog } from './faults.ts'
import { type LogFiles, readWhole, writeAt } from './files.ts'
import { FORMAT_VERSION } from './format.ts'

export const META_NAME = 'log.meta'
export const META_TEMPORARY_NAME = 'log.meta.temporary'

export interface LogMeta {
  readonly version: number
  readonly clusterId: string
  readonly nodeId: string
  /** Starts so far. */
  readonly incarnation: number
  /** Number of the oldest segment; above 1 once a prefix has been trimmed. */
  readonly first: number
  /** All segments up to this number are sealed; 0 when none is. */
  readonly sealed: number
}

/** The metadata as text: checksum, space, JSON, line end. People may read it; the checksum says who wrote it. */
export function encodeMeta(meta: LogMeta): Uint8Array {
  const json = JSON.stringify(meta)
  return new TextEncoder().encode(`${checksumOf(json)} ${json}\n`)
}

/** @throws MakoError `CORRUPT_LOG`, `LOG_MISMATCH` */
export function decodeMeta(bytes: Uint8Array): LogMeta {
  const text = new TextDecoder('latin1').decode(bytes)
  const utf8 = new TextDecoder().decode(bytes)
  const json = utf8.slice(9, -1)
  const whole = text.endsWith('\n') && text[8] === ' ' && text.slice(0, 8) === checksumOf(json)
  if (!whole) throw corruptLog(META_NAME, 0, 'the metadata has a wrong checksum')
  const meta = parsed(json)
  if (typeof meta.version !== 'number') throw corruptLog(META_NAME, 0, 'the metadata has no version')
  if (meta.version !== FORMAT_VERSION) throw wrongVersion(META_NAME, meta.version)
  const { clusterId, nodeId, incarnation, first, sealed } = meta
  const isWhole = [clusterId, nodeId].every((name) => typeof name === 'string')
  const areNumbers = [incarnation, first, sealed].every((each) => Number.isSafeInteger(each) && Number(each) >= 0)
  if (!isWhole || !areNumbers) throw corruptLog(META_NAME, 0, 'the metadata lacks a field')
  return meta as LogMeta
}

/** A right checksum does not make it JSON, nor an object. */
function parsed(json: string): { readonly [Field in keyof LogMeta]?: unknown } {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Said below.
  }
  throw corruptLog(META_NAME, 0, 'the metadata is no JSON object')
}

/** @throws MakoError `LOG_MISMATCH` when a file belongs to another cluster or node. */
export function checkOwner(
  file: string,
  owner: { readonly clusterId: string; readonly nodeId: string },
  identity: LogIdentity,
): void {
  if (owner.clusterId === identity.clusterId && owner.nodeId === identity.nodeId) return
  throw new MakoError(
    'LOG_MISMATCH',
    `${file} belongs to node ${owner.nodeId} of cluster ${owner.clusterId}, ` +
      `not to node ${identity.nodeId} of cluster ${identity.clusterId}.`,
  )
}

export function wrongVersion(file: string, version: number): MakoError {
  return new MakoError('LOG_MISMATCH', `${file} has format version ${version}; this release reads ${FORMAT_VERSION}.`)
}

export async function readMeta(files: LogFiles, directory: string): Promise<LogMeta> {
  return decodeMeta(await readWhole(files, join(directory, META_NAME)))
}

/** Durable when it resolves. */
export async function writeMeta(files: LogFiles, directory: string, meta: LogMeta): Promise<void> {
  const temporary = join(directory, META_TEMPORARY_NAME)
  const file = await files.open(temporary, 'create')
  try {
    await writeAt(file, [encodeMeta(meta)], 0)
  } finally {
    await file.close()
  }
  await files.rename(temporary, join(directory, META_NAME))
  await files.syncDirectory(directory)
}

function checksumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}
