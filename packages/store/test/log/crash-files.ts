// A file system in memory that knows what is durable: for crashes at any call, torn writes, and errors of the system.
//
// Always true: it keeps a volatile and a durable version of every file and of the directory. A write is durable when
// it has called back, a name when the directory was flushed. `crash()` ends one life (all calls hang or fail) and
// gives the files as a next life would find them.

import type { LogFile, LogFiles } from '../../src/log/index.ts'

interface Content {
  bytes: Uint8Array
}

/** What is left of the write during which the machine stops. */
export type Tear = 'all' | 'none' | 'half' | 'sectors'

export class CrashFiles implements LogFiles {
  /** Name to content, as the running system sees it, and as it is on the platter. */
  #names = new Map<string, Content>()
  #durableNames = new Map<string, Content>()
  #dead = false
  #locked = false
  /** Calls so far that change something. */
  calls = 0
  /** The call at which the machine stops. */
  stopAt: number = Infinity
  tear: Tear = 'all'
  /** Is asked before every write; an error makes it fail. */
  fault: (path: string, position: number) => Error | undefined = () => undefined
  /** Called when the machine stops. */
  stopped: () => void = () => undefined

  /** The files after a crash. Names that were not flushed are gone when `loseNames`. */
  afterCrash(loseNames: boolean): CrashFiles {
    this.#dead = true
    const next = new CrashFiles()
    for (const [name, content] of loseNames ? this.#durableNames : this.#names) {
      const copy = { bytes: content.bytes.slice() }
      next.#names.set(name, copy)
      next.#durableNames.set(name, copy)
    }
    return next
  }

  bytesOf(name: string): Uint8Array {
    return this.#names.get(`/log/${name}`)!.bytes
  }

  put(name: string, bytes: Uint8Array): void {
    const content = { bytes }
    this.#names.set(`/log/${name}`, content)
    this.#durableNames.set(`/log/${name}`, content)
  }

  names(): string[] {
    return [...this.#names.keys()].map((name) => name.slice('/log/'.length)).sort()
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve()
  }

  lock(): Promise<() => Promise<void>> {
    if (this.#locked) return Promise.reject(new Error('locked'))
    this.#locked = true
    return Promise.resolve(() => {
      this.#locked = false
      return Promise.resolve()
    })
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve(this.names())
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<LogFile> {
    let content = this.#names.get(path)
    if (mode === 'create') {
      await this.#step(() => {
        content = { bytes: new Uint8Array() }
        this.#names.set(path, content)
      })
    }
    if (content === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
    return this.#file(path, content)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step(() => {
      this.#names.set(to, this.#names.get(from)!)
      this.#names.delete(from)
    })
  }

  unlink(path: string): Promise<void> {
    return this.#step(() => void this.#names.delete(path))
  }

  syncDirectory(): Promise<void> {
    return this.#step(() => {
      this.#durableNames = new Map(this.#names)
    })
  }

  #file(path: string, content: Content): LogFile {
    return {
      read: (into, position) => {
        const there = content.bytes.subarray(position, position + into.length)
        into.set(there)
        return Promise.resolve(there.length)
      },
      write: (parts, position, done) => {
        const bytes = Buffer.concat(parts)
        const error = this.fault(path, position)
        const work = error
          ? Promise.reject(error)
          : this.#step(
              () => overlay(content, bytes, position),
              () => tearInto(content, bytes, position, this.tear),
            )
        work.then(
          () => {
            done(null)
          },
          (reason: unknown) => {
            done(reason as Error)
          },
        )
      },
      size: () => Promise.resolve(content.bytes.length),
      truncate: (bytes) =>
        this.#step(() => {
          content.bytes = content.bytes.slice(0, bytes)
        }),
      close: () => Promise.resolve(),
    }
  }

  /** One call that changes something; at the last one of a life only what `torn` does happens, and nobody hears of it. */
  #step(whole: () => void, torn?: () => void): Promise<void> {
    const never = new Promise<void>(() => undefined)
    if (this.#dead) return never
    if (++this.calls < this.stopAt) {
      whole()
      return Promise.resolve()
    }
    this.#dead = true
    if (torn) torn()
    else if (this.tear === 'all') whole()
    this.stopped()
    return never
  }
}

function overlay(content: Content, bytes: Uint8Array, position: number): void {
  if (position + bytes.length > content.bytes.length) {
    const grown = new Uint8Array(position + bytes.length)
    grown.set(content.bytes)
    content.bytes = grown
  }
  content.bytes.set(bytes, position)
}

function tearInto(content: Content, bytes: Uint8Array, position: number, tear: Tear): void {
  switch (tear) {
    case 'none':
      return
    case 'all':
      overlay(content, bytes, position)
      return
    case 'half':
      overlay(content, bytes.subarray(0, Math.floor(bytes.length / 2)), position)
      return
    case 'sectors': {
      // Every second sector arrives: the last but not the first, as a disk is free to do.
      for (let at = position; at < position + bytes.length; ) {
        const end = Math.min(position + bytes.length, (Math.floor(at / 64) + 1) * 64)
        if (Math.floor(at / 64) % 2 === 1) overlay(content, bytes.subarray(at - position, end - position), at)
        at = end
      }
    }
  }
}
