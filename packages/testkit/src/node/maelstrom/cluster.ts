// The nodes of one run: started, told who they are, killed, started again, and in the end gone with all their files.
//
// Always true: a node hears nothing before its `init`; whoever ends by itself, or says what is no message, is reported and
// the run goes on.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Cut, Network } from './network.ts'
import type { Victims } from './nemesis.ts'
import { NodeProcess } from './process.ts'
import { parseMessage, type Body, type Message } from './protocol.ts'

export interface ClusterOptions {
  readonly nodes: readonly string[]
  readonly network: Network
  readonly program: string
  readonly args: readonly string[]
  /** By node its neighbours, for workloads that tell them. */
  readonly topology: Readonly<Record<string, readonly string[]>> | undefined
  /** Where the nodes' stderr is kept; undefined: nowhere, after the run. */
  readonly stderrFolder: string | undefined
  /** How long a node may take to answer its `init`. */
  readonly startLimitMs: number
  readonly onMistake: (kind: string, text: string) => void
  /** A process has ended, killed or by itself. */
  readonly onDeath: (node: string) => void
}

/** The program of the nodes does not start. */
export class StartError extends Error {}

/** How often a node is started again that ends by itself, and how long after. */
const RESTARTS = 10
const RESTART_AFTER_MS = 500
/** Whoever tells nodes who they are. */
const ADMINISTRATOR = 'c0'

interface Life {
  readonly process: NodeProcess
  number: number
  /** `init` was sent, and answered. */
  isAddressed: boolean
  isReady: boolean
  ended: Promise<void>
  crashes: number
  /** How it has ended by itself. */
  lastEnd: string | undefined
}

export class Cluster implements Victims {
  readonly #options: ClusterOptions
  readonly #folder: string
  readonly #lives = new Map<string, Life>()
  /** By number of the request of the administrator, what its answer does. */
  readonly #waiting = new Map<number, (message: Message) => void>()
  #requests = 0
  #isStopped = false

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#folder = mkdtempSync(join(tmpdir(), 'mako-maelstrom-'))
    const { nodes, network, program, args, stderrFolder } = options
    if (stderrFolder !== undefined) mkdirSync(stderrFolder, { recursive: true })
    network.addClient(ADMINISTRATOR, (_, message) => this.#answered(message))
    for (const id of nodes) {
      const dataFolder = join(this.#folder, id)
      mkdirSync(dataFolder)
      const process = new NodeProcess({
        id,
        program,
        args,
        dataFolder,
        stderrFile: resolve(stderrFolder ?? this.#folder, `${id}.log`),
        onLine: (line) => {
          this.#said(id, line)
        },
        onCrash: (how) => {
          this.#crashed(id, how)
        },
      })
      this.#lives.set(id, {
        process,
        number: 0,
        isAddressed: false,
        isReady: false,
        ended: Promise.resolve(),
        crashes: 0,
        lastEnd: undefined,
      })
      network.addNode(id, (line) => this.#lifeOf(id).isAddressed && process.send(line))
    }
  }

  /** Whether a node has answered its `init` and lives. */
  isReady(node: string): boolean {
    return this.#lifeOf(node).isReady
  }

  /** Starts all nodes. @throws StartError when one does not answer its `init` */
  async start(): Promise<void> {
    await Promise.all(
      this.#options.nodes.map(async (id) => {
        if (await this.#begin(id)) return
        const life = this.#lifeOf(id)
        const how = life.lastEnd === undefined ? '' : `: ${life.lastEnd}`
        throw new StartError(`${id} (${this.#options.program}) did not answer init${how}${lastWordsOf(life)}`)
      }),
    )
  }

  partition(cuts: readonly Cut[]): void {
    this.#options.network.cut(cuts)
  }

  kill(id: string): void {
    const life = this.#lifeOf(id)
    if (!life.process.isRunning) return
    life.ended = life.process.kill()
    this.#isDead(id)
  }

  restart(id: string): void {
    void this.#begin(id)
  }

  pause(id: string): void {
    this.#lifeOf(id).process.pause()
  }

  resume(id: string): void {
    this.#lifeOf(id).process.resume()
  }

  /** Ends every process and removes all files; the promise settles when they are gone. */
  async stop(): Promise<void> {
    this.killAll()
    await Promise.all([...this.#lives.values()].map(({ ended }) => ended))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** The part of `stop` that can be done at once: for a process that is about to end itself. */
  killAll(): void {
    this.#isStopped = true
    for (const id of this.#options.nodes) this.kill(id)
  }

  /** One life, from its start to the answer of its `init`; false when that does not come. */
  async #begin(id: string): Promise<boolean> {
    const life = this.#lifeOf(id)
    await life.ended
    if (this.#isStopped || life.process.isRunning) return life.isReady
    const number = ++life.number
    const lives = (): boolean => life.number === number && life.process.isRunning
    life.process.start()
    life.isAddressed = true
    const answer = await this.#ask(id, { type: 'init', node_id: id, node_ids: this.#options.nodes })
    if (!lives()) return false
    if (answer?.type !== 'init_ok') {
      this.#options.onMistake('no init_ok', `${id} answered init with ${JSON.stringify(answer)}`)
      return false
    }
    const { topology } = this.#options
    if (topology !== undefined) {
      const told = await this.#ask(id, { type: 'topology', topology })
      if (lives() && told?.type !== 'topology_ok') {
        this.#options.onMistake('no topology_ok', `${id} answered topology with ${JSON.stringify(told)}`)
      }
    }
    life.isReady = lives()
    return life.isReady
  }

  /** Asks a node, in its present life; undefined when that ends first or the time is over. */
  #ask(id: string, request: Body): Promise<Body | undefined> {
    const { network, startLimitMs } = this.#options
    const number = ++this.#requests
    const life = this.#lifeOf(id)
    const begun = life.number
    return new Promise((resolve) => {
      const over = (body: Body | undefined): void => {
        clearTimeout(limit)
        clearInterval(watch)
        this.#waiting.delete(number)
        resolve(body)
      }
      const limit = setTimeout(() => over(undefined), startLimitMs)
      const watch = setInterval(() => {
        if (life.number !== begun || !life.process.isRunning) over(undefined)
      }, 20)
      this.#waiting.set(number, ({ src, body }) => {
        if (src === id) over(body)
      })
      const message: Message = { src: ADMINISTRATOR, dest: id, body: { ...request, msg_id: number } }
      network.send(JSON.stringify(message), message)
    })
  }

  #answered(message: Message): boolean {
    this.#waiting.get(message.body.in_reply_to ?? -1)?.(message)
    return true
  }

  #said(id: string, line: string | undefined): void {
    const { network, onMistake } = this.#options
    if (line === undefined) {
      onMistake('not a message', `${id} has written a line without an end`)
      return
    }
    if (line.trim() === '') return
    const message = parseMessage(line)
    if (typeof message === 'string') {
      onMistake('not a message', `${id} has written a line that ${message}: ${line.slice(0, 200)}`)
    } else if (message.src !== id) {
      onMistake('wrong source', `${id} has written a message of ${message.src}: ${line.slice(0, 200)}`)
    } else if (!network.send(line, message)) {
      onMistake('unknown destination', `${id} has written to ${message.dest}, which nobody is: ${line.slice(0, 200)}`)
    }
  }

  #crashed(id: string, how: string): void {
    const life = this.#lifeOf(id)
    const wasReady = life.isReady
    life.lastEnd = how
    this.#isDead(id)
    // A program that does not even start is told by `start`.
    if (this.#isStopped || (life.number === 1 && !wasReady)) return
    this.#options.onMistake('crash', `${id}: ${how}${lastWordsOf(life)}`)
    if (++life.crashes > RESTARTS) return
    setTimeout(() => {
      this.restart(id)
    }, RESTART_AFTER_MS).unref()
  }

  #isDead(id: string): void {
    const life = this.#lifeOf(id)
    life.isAddressed = false
    life.isReady = false
    this.#options.onDeath(id)
  }

  #lifeOf(id: string): Life {
    const life = this.#lives.get(id)
    if (life === undefined) throw new RangeError(`There is no node ${id}.`)
    return life
  }
}

function lastWordsOf({ process }: Life): string {
  const words = process.lastWords()
  return words === '' ? '' : `; its stderr ends with\n${words}`
}
