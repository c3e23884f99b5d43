// One node: a child process that is spoken to through its pipes, killed, paused and started again.
//
// Always true: signals go to the group of the child that was spawned here and to no other process; the group takes along
// whatever a wrapper script has started. What a dead node was sent is gone, and so is what it had not yet written.

import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { LineSplitter } from './lines.ts'

export interface NodeProcessOptions {
  readonly id: string
  readonly program: string
  readonly args: readonly string[]
  /** The folder for what this node must keep over its death, as MAKO_DATA. */
  readonly dataFolder: string
  /** Where its stderr goes, the lives of one node one after another. */
  readonly stderrFile: string
  /** A line of its stdout; undefined for one that is too long. */
  readonly onLine: (line: string | undefined) => void
  /** It has ended, and nobody here has ended it. */
  readonly onCrash: (how: string) => void
}

/** What may wait for a node that does not read. Beyond it, messages are lost. */
const WAITING_BYTES = 64 * 1024 * 1024

type Child = ChildProcessByStdio<Writable, Readable, null>

export class NodeProcess {
  readonly #options: NodeProcessOptions
  #child: Child | undefined
  #ended: Promise<void> = Promise.resolve()
  /** Messages that were lost because the node does not read. */
  dropped = 0

  constructor(options: NodeProcessOptions) {
    this.#options = options
  }

  get id(): string {
    return this.#options.id
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** Starts a life. Whether the program is there at all is told by `onCrash`. */
  start(): void {
    if (this.#child !== undefined) return
    const { program, args, dataFolder, stderrFile, onLine, onCrash } = this.#options
    const stderr = openSync(stderrFile, 'a')
    const child = spawn(program, args, {
      env: { ...process.env, MAKO_DATA: dataFolder },
      stdio: ['pipe', 'pipe', stderr],
      detached: true,
    }) as Child
    closeSync(stderr)
    this.#child = child
    const splitter = new LineSplitter((line) => {
      // The last words of an earlier life are nobody's.
      if (this.#child === child) onLine(line)
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      splitter.push(text)
    })
    // A node that dies while it is written to: its end is told below.
    child.stdin.on('error', () => undefined)
    this.#ended = new Promise((resolve) => {
      const over = (how: string): void => {
        resolve()
        if (this.#child !== child) return
        this.#child = undefined
        signalGroup(child, 'SIGKILL')
        onCrash(how)
      }
      child.once('error', (error) => {
        over(error.message)
      })
      child.once('exit', (code, signal) => {
        over(signal === null ? `it ended with code ${String(code)}` : `it was ended by ${signal}`)
      })
    })
  }

  /** False when there is nobody to send to. */
  send(line: string): boolean {
    const stdin = this.#child?.stdin
    if (!stdin?.writable) return false
    if (stdin.writableLength > WAITING_BYTES) this.dropped++
    else stdin.write(`${line}\n`)
    return true
  }

  /** SIGKILL. Afterwards nothing of this life is heard; the promise settles when the process is gone. */
  kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child !== undefined) signalGroup(child, 'SIGKILL')
    return this.#ended
  }

  pause(): void {
    if (this.#child !== undefined) signalGroup(this.#child, 'SIGSTOP')
  }

  resume(): void {
    if (this.#child !== undefined) signalGroup(this.#child, 'SIGCONT')
  }

  /** The last lines that it has written to its stderr. */
  lastWords(lines = 15): string {
    try {
      return readFileSync(this.#options.stderrFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return ''
    }
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The whole group has ended already.
  }
}
