// The load generator for skiff-algorithm: three nodes, and the clients inside the process of the leader. It obeys the
// same lines of JSON as the load generators in Go (see ../loadgen).
//
// Its best shape: no more commands under way in the library than it is fast with, because each of them listens to every
// answer of every peer; the others wait here, and that is in their time. The library leaves the network and what is kept
// to its user: messages are JSON over one TCP connection for each pair ("memory") or handed over in the next turn
// ("one-process"), and applied commands are counted in memory. It has been given time for elections and a long enough
// log, so that nobody is elected and no snapshot is sent while it is measured.

import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { Readable, Writable } from 'node:stream'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Node from 'skiff-algorithm'

const FOLLOWERS = 2
const STALL_LIMIT_MS = 20_000
const OPTIONS = {
  cluster: 'bench',
  minElectionTimeout: 1000,
  maxElectionTimeout: 2000,
  commandTimeout: STALL_LIMIT_MS,
  retainedLogEntries: 2000,
}
/** Commands that are under way in the library at any time. */
const MOST_UNDER_WAY = 8

// What a node keeps: nothing, but it counts.

function persistence() {
  let applied = 0
  return {
    loadMeta: (_id, done) => process.nextTick(done),
    lastAppliedCommitIndex: (_id, done) => process.nextTick(done),
    saveMeta: (_id, _state, done) => done(),
    saveCommitIndex: (_id, _index, done) => done(),
    applyCommand: (_id, _index, command, done) => {
      applied += command.value.length
      done()
    },
    createReadStream: () => Readable.from([{ applied }]),
    createWriteStream: () =>
      new Writable({
        objectMode: true,
        write: (chunk, _encoding, done) => {
          applied = chunk.applied
          done()
        },
      }),
    removeAllState: (_id, done) => process.nextTick(done),
  }
}

// How nodes talk: calls with an answer each, in both directions of a connection.

class Connection extends EventEmitter {
  #calls = 0
  #waiting = new Map()
  #receive
  #write

  constructor(write) {
    super()
    this.#write = write
  }

  /** For the library: calls the peer. */
  send(type, argument, done) {
    const id = this.#calls++
    this.#waiting.set(id, done)
    this.#write({ id, type, argument })
  }

  /** For the library: is called by the peer. */
  receive(call) {
    this.#receive = call
  }

  close(done) {
    this.emit('closing')
    if (done !== undefined) setImmediate(done)
  }

  /** Takes in what the peer has written. */
  take({ id, type, argument, error, answer }) {
    if (type === undefined) {
      const done = this.#waiting.get(id)
      this.#waiting.delete(id)
      done?.(error === undefined ? null : new Error(error), answer)
    } else {
      this.#receive?.(type, argument, (failed, result) => this.#write({ id, error: failed?.message, answer: result }))
    }
  }
}

/** Messages go through JSON here too: both sides of a connection must not share what they change. */
function inProcess() {
  const listening = new Map()
  return {
    listen: (id, _options, joined, done) => {
      listening.set(id, joined)
      setImmediate(done)
      return { close: (closed) => setImmediate(closed) }
    },
    connect: (id, _metadata, peer) => {
      const carry = (to) => (message) => {
        const text = JSON.stringify(message)
        setImmediate(() => to().take(JSON.parse(text)))
      }
      const near = new Connection(carry(() => far))
      const far = new Connection(carry(() => near))
      setImmediate(() => {
        listening.get(peer)(id, undefined, far)
        near.emit('connected')
      })
      return near
    },
  }
}

/** The name of a node is its port. */
const tcp = {
  listen: (id, _options, joined, done) => {
    const server = createServer((socket) => {
      const connection = new Connection((message) => writeLine(socket, message))
      eachLine(socket, (line) => {
        if (line.from === undefined) connection.take(line)
        else joined(line.from, undefined, connection)
      })
      live(socket, connection)
    })
    server.listen(Number(id), '127.0.0.1', done)
    return server
  },
  connect: (id, _metadata, peer) => {
    const socket = connect(Number(peer), '127.0.0.1')
    const connection = new Connection((message) => writeLine(socket, message))
    writeLine(socket, { from: id })
    eachLine(socket, (line) => connection.take(line))
    socket.once('connect', () => connection.emit('connected'))
    live(socket, connection)
    return connection
  },
}

function writeLine(socket, message) {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`)
}

function eachLine(socket, take) {
  let rest = ''
  socket.setNoDelay(true).setEncoding('utf8')
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) take(JSON.parse(line))
  })
}

function live(socket, connection) {
  socket.on('error', () => socket.destroy())
  socket.on('close', () => connection.emit('close'))
  connection.on('closing', () => socket.end())
}

// Nodes.

function node(id, transport, standby) {
  const made = Node({ ...OPTIONS, id, transport, persistence: persistence(), standby })
  made.on('error', (error) => fail(error))
  return made
}

async function listening(made) {
  await new Promise((done) => made.listen(made.id, done))
  return made
}

function called(call) {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()))
  })
}

/** A follower of its own: says its port, and then what processor time it has used whenever it is asked. */
async function follow() {
  process.on('disconnect', () => process.exit(0))
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((closed) => server.close(closed))
  await listening(node(String(port), tcp, true))
  process.on('message', () => process.send(ownCpuUs()))
  process.send(port)
}

async function startFollower() {
  const child = fork(fileURLToPath(import.meta.url), ['follow'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.on('exit', () => fail(new Error('a follower has ended')))
  const [port] = await once(child, 'message')
  const cpuUs = async () => {
    child.send('cpu')
    return (await once(child, 'message'))[0]
  }
  return { id: String(port), cpuUs }
}

function ownCpuUs() {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function start(setup) {
  if (setup !== 'one-process' && setup !== 'memory') throw new Error(`no such setup: ${JSON.stringify(setup)}`)
  const others = []
  const transport = setup === 'memory' ? tcp : inProcess()
  for (let i = 1; i <= FOLLOWERS; i++) {
    if (setup === 'memory') others.push(await startFollower())
    else others.push({ id: (await listening(node(`n${i}`, transport, true))).id, cpuUs: async () => 0 })
  }
  const leader = node('n0', transport, false)
  await once(leader, 'leader')
  for (const { id } of others) await called((done) => leader.join(id, done))
  return { leader, others }
}

// Clients.

async function measure({ leader, others }, { inFlight, bytes, seconds, warmUpSeconds }) {
  const value = 'v'.repeat(bytes)
  const histogram = createHistogram()
  const queue = []
  let underWay = 0
  let answered = 0
  let running = true
  let failure

  const ask = () => {
    queue.push(performance.now())
    send()
  }
  const send = () => {
    while (underWay < MOST_UNDER_WAY && queue.length > 0) {
      const since = queue.shift()
      underWay++
      leader.command({ value }, { timeout: STALL_LIMIT_MS }, (error) => {
        underWay--
        if (error) {
          failure ??= error
          return
        }
        answered++
        histogram.record(Math.max(1, Math.round((performance.now() - since) * 1e6)))
        if (running) ask()
        else send()
      })
    }
  }
  let seen = -1
  let moved = 0
  const wait = async (ms) => {
    const end = performance.now() + ms
    do {
      await after(Math.max(1, Math.min(20, end - performance.now())))
      if (failure !== undefined) throw new Error(`an operation failed: ${failure.message}`)
      if (answered !== seen) [seen, moved] = [answered, performance.now()]
      else if (performance.now() - moved > STALL_LIMIT_MS) throw new Error('no operation was answered for 20 s')
    } while (performance.now() < end)
  }
  const cpuUs = async () => {
    const us = await Promise.all(others.map((other) => other.cpuUs()))
    const own = ownCpuUs()
    return { own, all: us.reduce((sum, one) => sum + one, own) }
  }

  for (let i = 0; i < inFlight; i++) ask()
  await wait(warmUpSeconds * 1000)
  const before = await cpuUs()
  const begin = performance.now()
  const first = answered
  histogram.reset()
  do await wait(seconds * 1000)
  while (answered === first)
  const wallMs = performance.now() - begin
  const operations = answered - first
  // A quantile of the histogram is in nanoseconds.
  const [p50Us, p99Us] = [histogram.percentile(50) / 1000, histogram.percentile(99) / 1000]
  const now = await cpuUs()
  running = false
  while (underWay > 0) await wait(1)
  return { operations, wallMs, cpuUs: now.all - before.all, leaderCpuUs: now.own - before.own, p50Us, p99Us }
}

function fail(error) {
  process.stdout.write(`${JSON.stringify({ error: error.message })}\n`, () => process.exit(1))
}

async function obey(line) {
  const asked = JSON.parse(line)
  if (asked.start !== undefined) {
    cluster = await start(asked.start.setup)
    const load = { inFlight: 8, bytes: 100, seconds: asked.start.warmUpSeconds, warmUpSeconds: 0 }
    if (load.seconds > 0) await measure(cluster, load)
    return { started: true }
  }
  if (!(asked.run?.inFlight >= 1)) throw new Error('no load to be measured')
  return await measure(cluster, asked.run)
}

let cluster
if (process.argv[2] === 'follow') {
  await follow()
} else {
  // Nothing is waited for when nobody is there any more.
  process.stdin.on('end', () => process.exit(0))
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      process.stdout.write(`${JSON.stringify(await obey(line))}\n`)
    } catch (error) {
      fail(error)
    }
  }
}
