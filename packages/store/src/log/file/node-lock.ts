// The lock of a data directory: one process at a time, and a killed process never blocks the next.
//
// Always true: whoever holds the directory has a file in it whose name says who it is (process id, when that process
// started, boot of the machine, a random part). A contender first makes its own file and only then looks at the
// others; of two contenders at least one therefore sees the other, and none goes on while it sees a live one. A file
// of a dead process may be removed by anyone at any time, because no living process ever has that name. So there is
// no moment between "it is stale" and "it is mine" in which somebody else could slip in.
//
// Processes exclude each other when they can see each other: same machine, same process namespace. Containers that
// share a directory but not a process namespace do not.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MakoError } from '@mako/engine'
import type { Unlock } from './files.ts'

const NAME = /^lock\.(\d+)\.(\d+)\.([0-9a-f]+)\.[0-9a-f]+$/
const ATTEMPTS = 20
const PAUSE_MS = 10

/** @throws MakoError `LOG_LOCKED` naming the process; otherwise the system's errors. */
export async function lockDirectory(directory: string): Promise<Unlock> {
  const boot = await bootName()
  const own = `lock.${process.pid}.${(await startOf(process.pid)) ?? 0}.${boot}.${randomBytes(6).toString('hex')}`
  const handle = await open(join(directory, own), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  await handle.close()
  const unlock: Unlock = () => remove(join(directory, own))
  try {
    for (let attempt = 1; ; attempt++) {
      const rivals = await liveRivals(directory, own, boot)
      if (rivals.length === 0) return unlock
      // Of several contenders at once the lowest name waits for the others to leave; a holder never leaves.
      const lowest = rivals.every((rival) => own < rival)
      if (!lowest || attempt === ATTEMPTS) throw locked(directory, rivals[0]!)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

/** Names of lock files of living processes other than `own`; those of dead ones are removed on the way. */
async function liveRivals(directory: string, own: string, boot: string): Promise<string[]> {
  const rivals: string[] = []
  for (const name of await readdir(directory)) {
    const match = NAME.exec(name)
    if (match === null || name === own) continue
    if (match[3] === boot && (await lives(Number(match[1]), match[2]!))) rivals.push(name)
    else await remove(join(directory, name))
  }
  return rivals
}

/** Does the process that started then still run? A process id alone may have been given to another since. */
async function lives(pid: number, start: string): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = await startOf(pid)
  return now === undefined ? start === '0' || process.platform !== 'linux' : now === start
}

/**
 * When a process started, in clock ticks since boot (field 22 of /proc/PID/stat); undefined when it has ended, is a
 * zombie, or the system has no /proc.
 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in parentheses and may hold anything; the third is the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

async function bootName(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).slice(0, 8)
  } catch {
    return '0'
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function locked(directory: string, name: string): MakoError {
  const pid = NAME.exec(name)?.[1] ?? 'unknown'
  const who = Number(pid) === process.pid ? `this process (${pid})` : `process ${pid}`
  return new MakoError('LOG_LOCKED', `The log in ${directory} is in use by ${who}; its lock is ${name}.`)
}
