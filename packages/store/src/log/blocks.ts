// What both log stores demand of what they are given.
//
// Always true: a store only takes a block whose bytes say the same as its span, so that what it reads back can be
// checked against its index; a mistake is found before anything is written.

import { decodeBlock, type LogWrite, MakoError } from '@mako/engine'

const MAX_PARTITION = 0xffff_ffff

/** @throws MakoError `BAD_OPTION` when this cannot be the number of a partition. */
export function checkPartition(partition: number): void {
  if (Number.isInteger(partition) && partition >= 0 && partition <= MAX_PARTITION) return
  throw new MakoError('BAD_OPTION', `A partition is an integer from 0 to ${MAX_PARTITION}, not ${partition}.`)
}

/** @throws MakoError `BAD_OPTION`, `CORRUPT_BLOCK` when a write could not be read back as what it claims to be. */
export function checkWrite(write: LogWrite): void {
  checkPartition(write.partition)
  if (write.type === 'state') return
  const { block } = write
  const decoded = decodeBlock(block.bytes)
  if (decoded.index === block.index && decoded.count === block.count && decoded.term === block.term) return
  throw new MakoError(
    'CORRUPT_BLOCK',
    `A block at index ${block.index} says other things in its bytes than beside them.`,
  )
}
