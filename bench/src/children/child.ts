// Processes that the benchmark starts, and what it says to them.
//
// Always true: a child ends with its parent (its channel is closed), and only children that were started here are ended.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const LIMIT_MS = 30_000

/** A child and the messages it has sent that nobody has asked for yet. */
export class Child<Down extends object, Up extends { readonly type: string }> {
  readonly #process: ChildProcess
  readonly #said: Up[] = []
  #wake: (() => void) | undefined
  #ended: string | undefined

  /** `script` is a file beside this one. */
  constructor(script: string, options: object) {
    this.#process = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#process.on('message', (message) => {
      this.#said.push(message as Up)
      this.#wake?.()
    })
    this.#process.on('error', (error) => this.#end(error.message))
    this.#process.on('exit', (code, signal) => this.#end(`it has ended (${signal ?? code ?? 'no code'})`))
  }

  tell(message: Down): void {
    if (this.#ended === undefined) this.#process.send(message)
  }

  /** The next message of this type; earlier ones of other types are dropped. */
  async hear<Type extends Up['type']>(type: Type): Promise<Extract<Up, { type: Type }>> {
    const end = performance.now() + LIMIT_MS
    for (;;) {
      const message = this.#said.shift()
      if (message?.type === type) return message as Extract<Up, { type: Type }>
      if (message !== undefined) continue
      if (this.#ended !== undefined) throw new Error(`A child did not say "${type}": ${this.#ended}.`)
      const left = end - performance.now()
      if (left <= 0) throw new Error(`A child did not say "${type}" in time.`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exit
  }

  #end(reason: string): void {
    this.#ended ??= reason
    this.#wake?.()
  }
}

/** Inside a child: what the parent gave it as `options`. */
export function childOptions(): unknown {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** Inside a child: hands on what the parent says, and answers with what says something to the parent. */
export function serveParent(handle: (message: unknown) => void): (message: object) => void {
  process.on('message', handle)
  process.on('disconnect', () => process.exit(0))
  return (message) => {
    if (process.connected) process.send!(message)
  }
}

/** Addresses on loopback that nobody listens on. */
export async function freeAddresses(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const addresses = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('A server has no port.')
    return `127.0.0.1:${address.port}`
  })
  await Promise.all(
    servers.map(async (server) => {
      server.close()
      await once(server, 'close')
    }),
  )
  return addresses
}
