// A file system in memory with two truths: what the running system sees (its cache), and what is on the platter.
//
// Always true: a call changes the cache when it is made and the platter when it is answered, as `LogFiles` promises; a
// name reaches the platter with `syncDirectory`. In between it is unflushed, and after a power cut each unflushed change
// is there, or in part, or not, whatever came before or after it. A killed process leaves the cache as it is. A flush
// that failed leaves its bytes in the cache, and nobody will ever write them to the platter again.

import { dirname } from 'node:path'
import { MakoError, type Random } from '@mako/engine'
import type { LogFile, LogFiles, Unlock } from '@mako/store/log'
import { chance } from '../world/random.ts'
import { Content, type ContentChange, type PowerCut } from './sim-content.ts'

export type { PowerCut } from './sim-content.ts'

export type FileCallKind =
  | 'make-directory'
  | 'lock'
  | 'list'
  | 'create'
  | 'open'
  | 'size'
  | 'read'
  | 'write'
  | 'truncate'
  | 'close'
  | 'rename'
  | 'unlink'
  | 'sync-directory'

export interface FileCall {
  /** 1, 2, 3, ... in the life of the file system. */
  readonly ordinal: number
  readonly kind: FileCallKind
  readonly path: string
  /** Bytes of a write, 0 otherwise. */
  readonly bytes: number
}

/** What the system does with one call instead of what it was asked to do. */
export type FileFault =
  /** Nothing happens but the error. */
  | { readonly type: 'refused'; readonly error: Error }
  /** Of a write this many bytes are written and flushed; then the error. Other calls: as `refused`. */
  | { readonly type: 'short'; readonly error: Error; readonly bytes: number }
  /** The change is in the cache; its flush fails. */
  | { readonly type: 'unflushed'; readonly error: Error }

/** The process whose calls these are. */
export interface FilesHost {
  /** Calls `answer` once, later, when the call is done; never, when the process has ended. */
  later(call: FileCall, answer: () => void): void
  /** Asked about each call when it is made; nothing means that all is well. */
  fault?(call: FileCall): FileFault | undefined
}

type NameChange =
  | { readonly order: number; readonly type: 'made'; readonly path: string; readonly content: Content }
  | { readonly order: number; readonly type: 'moved'; readonly from: string; readonly path: string; content: Content }
  | { readonly order: number; readonly type: 'removed'; readonly path: string }

/** A call that has begun. */
interface Begun<T> {
  readonly answer: T
  /** Makes durable what the call promises. */
  readonly flush?: () => void
  /** That flush has failed. */
  readonly fail?: () => void
}

interface Life {
  readonly number: number
  readonly host: FilesHost
}

const NOTHING: Begun<void> = { answer: undefined }

export class SimFiles {
  readonly #random: Random
  #names = new Map<string, Content>()
  #platterNames = new Map<string, Content>()
  #nameChanges: NameChange[] = []
  readonly #locked = new Set<string>()
  #life = 0
  #order = 0
  #calls = 0
  /** Bytes that all files together may have: what does not fit is not written, and answered with ENOSPC. */
  capacityBytes: number = Infinity

  constructor(random: Random) {
    this.#random = random
  }

  /** Calls so far. */
  get calls(): number {
    return this.#calls
  }

  /** A copy that goes its own way, as the image of a disk does; no process runs on it. */
  clone(random: Random): SimFiles {
    const copy = new SimFiles(random)
    const copies = new Map<Content, Content>()
    const copyOf = (content: Content): Content => {
      const known = copies.get(content) ?? content.clone()
      copies.set(content, known)
      return known
    }
    for (const [path, content] of this.#names) copy.#names.set(path, copyOf(content))
    for (const [path, content] of this.#platterNames) copy.#platterNames.set(path, copyOf(content))
    copy.#nameChanges = this.#nameChanges.map((change) =>
      change.type === 'removed' ? change : { ...change, content: copyOf(change.content) },
    )
    copy.#order = this.#order
    copy.capacityBytes = this.capacityBytes
    return copy
  }

  /** The paths that the running system sees, in order. */
  paths(): string[] {
    return [...this.#names.keys()].sort()
  }

  /** What the running system sees of a file; a copy. */
  bytesOf(path: string): Uint8Array {
    return this.#contentOf(path).bytes.slice()
  }

  /** Puts a file there, flushed. */
  put(path: string, bytes: Uint8Array): void {
    const content = Content.of(bytes)
    this.#names.set(path, content)
    this.#platterNames.set(path, content)
  }

  /** Takes a file away, for good. */
  remove(path: string): void {
    this.#names.delete(path)
    this.#platterNames.delete(path)
  }

  /** Rots a byte. */
  flip(path: string, at: number, mask: number): void {
    this.#contentOf(path).flip(at, mask)
  }

  /** The process has ended, however it did: calls in flight are never answered, locks are gone, the cache stays. */
  kill(): void {
    this.#life++
    this.#locked.clear()
  }

  /** The power has gone, and with it the process and the cache. */
  cutPower(fate: PowerCut): void {
    this.kill()
    for (const change of this.#nameChanges) {
      if (fate === 'kept' || (fate !== 'lost' && chance(this.#random, 0.5))) rename(this.#platterNames, change)
    }
    this.#nameChanges = []
    this.#names = new Map(this.#platterNames)
    const contents = [...new Set(this.#names.values())]
    const newest = Math.max(0, ...contents.map(({ newestWrite }) => newestWrite))
    for (const content of contents) content.cutPower(fate, newest, this.#random)
  }

  /** The file system for one life of a process, which ends with `kill` or `cutPower`. */
  open(host: FilesHost): LogFiles {
    const life: Life = { number: ++this.#life, host }
    const call = <T>(kind: FileCallKind, path: string, begin: () => Begun<T>): Promise<T> =>
      this.#promise(life, kind, path, begin)
    const changeName = (change: NameChange): Begun<void> => {
      this.#nameChanges.push(change)
      rename(this.#names, change)
      return NOTHING
    }
    return {
      makeDirectory: (directory) => call('make-directory', directory, () => NOTHING),
      lock: (directory) => call('lock', directory, () => ({ answer: this.#lock(life, directory) })),
      list: (directory) =>
        call('list', directory, () => {
          const inside = this.paths().filter((path) => dirname(path) === directory)
          return { answer: inside.map((path) => path.slice(directory.length + 1)) }
        }),
      open: (path, mode) =>
        call(mode === 'create' ? 'create' : 'open', path, () => {
          if (mode === 'create' && !this.#names.has(path)) {
            changeName({ order: ++this.#order, type: 'made', path, content: new Content() })
          } else if (mode === 'create') {
            this.#contentOf(path).change({ order: ++this.#order, type: 'truncate', length: 0 })
          }
          return { answer: this.#file(life, path, this.#contentOf(path)) }
        }),
      rename: (from, path) =>
        call('rename', path, () =>
          changeName({ order: ++this.#order, type: 'moved', from, path, content: this.#contentOf(from) }),
        ),
      unlink: (path) =>
        call('unlink', path, () => {
          this.#contentOf(path)
          return changeName({ order: ++this.#order, type: 'removed', path })
        }),
      syncDirectory: (directory) =>
        call('sync-directory', directory, () => {
          const last = this.#order
          const isFlushed = ({ order, path }: NameChange): boolean => order <= last && dirname(path) === directory
          const flush = (): void => {
            for (const change of this.#nameChanges) if (isFlushed(change)) rename(this.#platterNames, change)
            this.#nameChanges = this.#nameChanges.filter((change) => !isFlushed(change))
          }
          return { answer: undefined, flush }
        }),
    }
  }

  #file(life: Life, path: string, content: Content): LogFile {
    return {
      read: (into, position) =>
        this.#promise(life, 'read', path, () => {
          const there = content.bytes.subarray(position, position + into.length)
          into.set(there)
          return { answer: there.length }
        }),
      write: (parts, position, done) => {
        this.#write(life, path, content, concatenated(parts), position, done)
      },
      size: () => this.#promise(life, 'size', path, () => ({ answer: content.bytes.length })),
      truncate: (length) =>
        this.#promise(life, 'truncate', path, () =>
          this.#change(content, { order: ++this.#order, type: 'truncate', length }),
        ),
      close: () => this.#promise(life, 'close', path, () => NOTHING),
    }
  }

  #write(
    life: Life,
    path: string,
    content: Content,
    bytes: Uint8Array,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    // What does not fit on the disk is a short write, and its error.
    const room = Math.max(content.bytes.length, content.bytes.length + this.#freeBytes()) - position
    const full: FileFault | undefined =
      bytes.length > room ? { type: 'short', error: systemError('ENOSPC'), bytes: Math.max(0, room) } : undefined
    const call = { kind: 'write', path, bytes: bytes.length } as const
    const begin = (fault: FileFault | undefined): Begun<void> => {
      const written = fault?.type === 'short' ? bytes.subarray(0, fault.bytes) : bytes
      return this.#change(content, { order: ++this.#order, type: 'write', position, bytes: written })
    }
    this.#call(life, call, full, begin, done)
  }

  #change(content: Content, change: ContentChange): Begun<void> {
    content.change(change)
    return {
      answer: undefined,
      flush: () => {
        content.flushed(change)
      },
      fail: () => {
        content.failed(change, this.#random)
      },
    }
  }

  #promise<T>(life: Life, kind: FileCallKind, path: string, begin: () => Begun<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#call(life, { kind, path, bytes: 0 }, undefined, begin, (error, answer) => {
        if (error === null) resolve(answer as T)
        else reject(error)
      })
    })
  }

  /** One call: its effect on the cache now, its effect on the platter and its answer later, unless its life has ended. */
  #call<T>(
    life: Life,
    what: Omit<FileCall, 'ordinal'>,
    full: FileFault | undefined,
    begin: (fault: FileFault | undefined) => Begun<T>,
    done: (error: Error | null, answer: T | undefined) => void,
  ): void {
    if (life.number !== this.#life) return
    const call: FileCall = { ordinal: ++this.#calls, ...what }
    const fault = life.host.fault?.(call) ?? full
    let error: Error | undefined = fault?.error
    let begun: Begun<T> | undefined
    if (fault === undefined || fault.type === 'unflushed' || (fault.type === 'short' && what.kind === 'write')) {
      try {
        begun = begin(fault)
      } catch (thrown) {
        error ??= thrown as Error
      }
    }
    life.host.later(call, () => {
      if (life.number !== this.#life) return
      if (fault?.type === 'unflushed') begun?.fail?.()
      else begun?.flush?.()
      done(error ?? null, begun?.answer)
    })
  }

  #lock(life: Life, directory: string): Unlock {
    if (this.#locked.has(directory)) throw new MakoError('LOG_LOCKED', `${directory} is locked.`)
    this.#locked.add(directory)
    return () => {
      if (life.number === this.#life) this.#locked.delete(directory)
      return Promise.resolve()
    }
  }

  #contentOf(path: string): Content {
    const content = this.#names.get(path)
    if (content === undefined) throw systemError('ENOENT', path)
    return content
  }

  #freeBytes(): number {
    let free = this.capacityBytes
    if (free === Infinity) return free
    for (const { bytes } of this.#names.values()) free -= bytes.length
    return free
  }
}

/** An error as the system reports it. */
export function systemError(code: string, path = 'the simulated disk'): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

function rename(names: Map<string, Content>, change: NameChange): void {
  if (change.type === 'removed') {
    names.delete(change.path)
    return
  }
  if (change.type === 'moved' && names.get(change.from) === change.content) names.delete(change.from)
  names.set(change.path, change.content)
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
