// The process of a node: arguments, streams, disk, and how it ends.
//
// Always true: stdout carries lines of the protocol and nothing else; what people read goes to stderr. The end of stdin,
// SIGINT and SIGTERM end the process; no input does.

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@mako/engine'
import { memoryLog, openFileLog } from '@mako/store/log'
import { HELP, parseArguments, type NodeArguments } from './arguments.ts'
import { TTL_MS } from './forward.ts'
import { LineReader, LineWriter } from './lines.ts'
import { MaelstromNode } from './node.ts'
import type { Storage, StoreName } from './parts.ts'

/** A node of a workbench writes little: small segments make it quick to start. */
const SEGMENT_BYTES: Readonly<Record<StoreName, number>> = { engine: 8 * 1024 * 1024, gossip: 1024 * 1024 }

/** Messages about dropped input in one second; a flood of bad lines must not become a flood of log. */
const LOG_LINES_PER_SECOND = 50

function fileStorage(folder: string): Storage {
  return {
    exists: (name) => existsSync(join(folder, name)),
    open: (name) => openFileLog(join(folder, name), { segmentBytes: SEGMENT_BYTES[name] }),
  }
}

/** Writes log lines, no more than so many in a second, and one that comes again at once only once. */
function boundedLog(): (text: string) => void {
  let second = 0
  let lines = 0
  let last = ''
  return (text) => {
    const now = Math.floor(systemClock.monotonicNow() / 1000)
    if (now !== second) [second, lines, last] = [now, 0, '']
    if (text === last) return
    last = text
    if (++lines <= LOG_LINES_PER_SECOND) process.stderr.write(`${new Date().toISOString()} ${text.slice(0, 500)}\n`)
  }
}

function run({ protocol, workload, staleReads, nameLeader }: NodeArguments): void {
  const log = boundedLog()
  const folder = process.env.MAKO_DATA
  const writer = new LineWriter(process.stdout, systemClock)
  const node = new MaelstromNode({
    protocol,
    workload,
    staleReads,
    nameLeader,
    storage: folder === undefined || folder === '' ? undefined : fileStorage(folder),
    memoryLog,
    clock: systemClock,
    random: systemRandom(),
    life: randomBytes(8).toString('base64url'),
    write: (line) => writer.write(line),
    log,
  })
  const reader = new LineReader({
    line: (text) => node.receive(text),
    refused: () => log('dropped: a line that is too long'),
  })

  let isEnding = false
  const end = (): void => {
    if (isEnding) return
    isEnding = true
    const exit = (code: number): void => {
      writer.flush()
      process.exit(code)
    }
    node.stop().then(
      () => exit(0),
      (error: unknown) => {
        log(`did not stop well: ${String(error)}`)
        exit(1)
      },
    )
  }
  /** Nothing more will be asked; what was asked is still answered. */
  const endWhenAnswered = (deadline: number): void => {
    if (node.openRequests === 0 || systemClock.monotonicNow() > deadline) setImmediate(end)
    else setTimeout(() => endWhenAnswered(deadline), 10)
  }
  // Whoever reads our answers has gone.
  process.stdout.on('error', () => process.exit(0))
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  process.stdin.on('data', (chunk: Buffer) => reader.push(chunk))
  process.stdin.on('end', () => {
    reader.end()
    endWhenAnswered(systemClock.monotonicNow() + TTL_MS)
  })
}

const parsed = parseArguments(process.argv.slice(2))
switch (parsed.status) {
  case 'RUN':
    run(parsed.options)
    break
  case 'HELP':
    console.error(HELP)
    break
  case 'WRONG':
    console.error(`${parsed.message}\n\n${HELP}`)
    process.exitCode = 2
    break
}
