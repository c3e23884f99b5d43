// Processes that the benchmark starts, and how they are called: a name and an argument there, one answer back.
//
// Always true: a child ends with its parent, however that ends; only children that were started here are ended; every
// call has an answer or a reason why there is none.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { childArguments, childEnvironment, childrenFile } from './bundle.ts'

/** What can be called: functions of one argument, or none. */
export type CallsOf<Calls> = { readonly [Name in keyof Calls]: (argument: never) => unknown }
export type ArgumentOf<Call> = Call extends (argument: infer Argument) => unknown ? Argument : never
export type AnswerOf<Call> = Call extends (argument: never) => infer Answer ? Awaited<Answer> : never

/** What goes down and up; JSON has no `undefined`, so neither have answers. */
interface Request {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}
type Response = { readonly id: number; readonly answer: unknown } | { readonly id: number; readonly error: string }

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

const LIMIT_MS = 30_000
const running = new Set<ChildProcess>()

// A child that is stopped does not hear that its parent has gone.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Child<Calls extends CallsOf<Calls>> {
  readonly name: string
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  #ended: string | undefined

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#process = child
    running.add(child)
    child.on('message', (message) => this.#answered(message as Response))
    child.on('error', (error) => this.#end(error.message))
    child.on('exit', (code, signal) => {
      running.delete(child)
      this.#end(`it has ended (${signal ?? code ?? 'no code'})`)
    })
  }

  /** Starts the program of this name in `programs.ts`. */
  static async start<Calls extends CallsOf<Calls>>(program: string, options: object): Promise<Child<Calls>> {
    const file = await childrenFile()
    const child = fork(file, [program, JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: childArguments(program),
      env: childEnvironment(file),
    })
    return new Child<Calls>(program, child)
  }

  /** @throws Error when the call fails there, when the child ends, and after `limitMs` */
  call<Name extends keyof Calls & string>(
    name: Name,
    argument: ArgumentOf<Calls[Name]>,
    limitMs: number = LIMIT_MS,
  ): Promise<AnswerOf<Calls[Name]>> {
    const id = this.#calls++
    return new Promise((resolve, reject) => {
      const failed = (why: string): void => reject(new Error(`${this.name} did not do "${name}": ${why}.`))
      if (this.#ended !== undefined) {
        failed(this.#ended)
        return
      }
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(id)
      }
      const timer = setTimeout(() => {
        done()
        failed(`no answer for ${limitMs / 1000} s`)
      }, limitMs)
      timer.unref()
      this.#waiting.set(id, {
        resolve: (answer) => {
          done()
          resolve(answer as AnswerOf<Calls[Name]>)
        },
        reject: (error) => {
          done()
          failed(error.message)
        },
      })
      this.#process.send({ id, name, argument } satisfies Request)
    })
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal)
  }

  /** Waits for its end, and makes it end when it has not for a while. */
  async ended(limitMs = 2000): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), limitMs)
    await exit
    clearTimeout(timer)
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.ended()
  }

  #answered(response: Response): void {
    const waiting = this.#waiting.get(response.id)
    if ('error' in response) waiting?.reject(new Error(response.error))
    else waiting?.resolve(response.answer)
  }

  #end(reason: string): void {
    this.#ended ??= reason
    for (const { reject } of [...this.#waiting.values()]) reject(new Error(this.#ended))
  }
}

/** Inside a child: does what the parent calls; `stop` ends it, once that is done. */
export function serve<Calls extends CallsOf<Calls>>(calls: Calls): void {
  const answer = async ({ id, name, argument }: Request): Promise<void> => {
    let response: Response
    try {
      const call = calls[name as keyof Calls] as unknown as (argument: unknown) => unknown
      response = { id, answer: (await call(argument)) ?? null }
    } catch (error) {
      response = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
    }
    if (process.connected) process.send!(response, () => (name === 'stop' ? process.disconnect() : undefined))
  }
  process.on('message', (message) => void answer(message as Request))
}
