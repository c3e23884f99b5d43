// The load generator of a peer: a program in `bench/peers`, most often in Go, that starts three servers or nodes of a
// library, drives them, and obeys lines of JSON.
//
// Always true: what it has started are its children, and it ends when its standard input does, so nothing is left behind
// however this process ends.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Load, Measurement, RunningSystem, Setup } from '../system.ts'
import { goProgram, SEARCH_PATH } from './go.ts'

/** More than the load generator takes to give up by itself, on the peer and on its warm-up. */
const START_LIMIT_MS = 120_000
/** Beyond the time of a measurement. The load generator gives up after 20 s in which nothing moves. */
const PATIENCE_MS = 60_000
const STOP_LIMIT_MS = 5_000

/** So that all connections are there and buffers have grown. */
const FIRST_LOAD = { inFlight: 64, bytes: 100 }
const FIRST_LOAD_SECONDS = 0.5

/** What a load generator says in one line. */
export type Answer =
  | { readonly type: 'started' }
  | { readonly type: 'measured'; readonly measurement: Measurement }
  | { readonly type: 'failed'; readonly reason: string }

const FIGURES = ['operations', 'wallMs', 'cpuUs', 'leaderCpuUs', 'p50Us', 'p99Us'] as const

export function parseAnswer(line: string): Answer {
  const failed = (reason: string): Answer => ({ type: 'failed', reason })
  let said: unknown
  try {
    said = JSON.parse(line)
  } catch {
    return failed(`it said ${JSON.stringify(line)}`)
  }
  if (typeof said !== 'object' || said === null) return failed(`it said ${line}`)
  if ('error' in said) return failed(String(said.error))
  if ('started' in said) return { type: 'started' }
  const figures = said as Record<string, unknown>
  for (const name of FIGURES) {
    const value = figures[name]
    if (typeof value !== 'number' || value < 0) return failed(`it said ${line}`)
  }
  return { type: 'measured', measurement: said as Measurement }
}

export interface StartOptions {
  /** The folder in `bench/peers`. */
  readonly name: string
  readonly setup: Setup
  /** For all files of the servers. */
  readonly directory: string
  /** What is run, with its arguments; the Go program of that folder when there is nothing here. */
  readonly command?: readonly string[]
  /** At most, of clients, before the first measurement, so that none pays for what a server does on first use. */
  readonly warmUpSeconds: number
  /** Clients that wait for each operation, where the program has both kinds. */
  readonly waiting?: boolean
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

export class LoadGenerator implements RunningSystem {
  readonly #name: string
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  #waiting: Waiting | undefined
  #ended: string | undefined

  readonly #waitingClients: boolean

  private constructor(name: string, [program, ...argv]: readonly string[], waitingClients: boolean) {
    this.#name = name
    this.#waitingClients = waitingClients
    this.#process = spawn(program ?? name, argv, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PATH: SEARCH_PATH },
    })
    // It has ended when it does not take a line: that is said by its end.
    this.#process.stdin.on('error', () => undefined)
    const lines = createInterface({ input: this.#process.stdout })
    lines.on('line', (line) => this.#take()?.resolve(parseAnswer(line)))
    this.#process.on('error', (error) => this.#end(error.message))
    this.#process.on('close', (code, signal) => this.#end(`it has ended (${signal ?? code ?? 'no code'})`))
  }

  /** @throws Error when the program cannot be made or the servers do not come up; nothing of them is left then */
  static async start(options: StartOptions): Promise<LoadGenerator> {
    const { name, command, setup, directory, warmUpSeconds, waiting = false } = options
    const generator = new LoadGenerator(name, command ?? [await goProgram(name)], waiting)
    try {
      await generator.#ask({ start: { setup, directory, warmUpSeconds } }, START_LIMIT_MS)
      return generator
    } catch (error) {
      await generator.stop()
      throw error
    }
  }

  /** They are compiled ahead of time, or have worked as long as they need when they were started: little is left to do. */
  async warmUp(seconds: number): Promise<void> {
    await this.measure({ ...FIRST_LOAD, seconds: Math.min(seconds, FIRST_LOAD_SECONDS), warmUpSeconds: 0 })
  }

  async measure({ inFlight, bytes, seconds, warmUpSeconds }: Load): Promise<Measurement> {
    const limitMs = (seconds + warmUpSeconds) * 1000 + PATIENCE_MS
    const waiting = this.#waitingClients ? { waiting: true } : {}
    const answer = await this.#ask({ run: { inFlight, bytes, seconds, warmUpSeconds, ...waiting } }, limitMs)
    if (answer.type !== 'measured') throw this.#error('it has measured nothing')
    return answer.measurement
  }

  async stop(): Promise<void> {
    this.#process.stdin.end()
    if (this.#ended !== undefined) return
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_LIMIT_MS)
    await once(this.#process, 'close')
    clearTimeout(timer)
  }

  async #ask(request: object, limitMs: number): Promise<Exclude<Answer, { type: 'failed' }>> {
    if (this.#ended !== undefined) throw this.#error(this.#ended)
    if (this.#waiting !== undefined) throw this.#error('it is asked one thing at a time')
    const timer = setTimeout(() => {
      this.#take()?.reject(this.#error(`no answer for ${limitMs / 1000} s`))
      this.#process.kill('SIGKILL')
    }, limitMs)
    try {
      const answer = await new Promise<Answer>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        this.#process.stdin.write(`${JSON.stringify(request)}\n`)
      })
      if (answer.type === 'failed') throw this.#error(answer.reason)
      return answer
    } finally {
      clearTimeout(timer)
    }
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting
  }

  #end(reason: string): void {
    this.#ended ??= reason
    this.#take()?.reject(this.#error(reason))
  }

  #error(reason: string): Error {
    return new Error(`The load generator for ${this.#name}: ${reason}`)
  }
}
