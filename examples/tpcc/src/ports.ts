// Finds ports on loopback that nobody uses.
//
// Always true: the ports lie below the range from which systems take ports for outgoing connections, so that no
// connection takes the port of a node while that node is down.

import { createServer } from 'node:net'

const LOWEST = 15_000
const HIGHEST = 31_000

export async function freePorts(wanted: number): Promise<number[]> {
  const ports: number[] = []
  let port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
  for (let tried = 0; ports.length < wanted; tried++) {
    if (tried > HIGHEST - LOWEST) throw new Error('There are not enough free ports on 127.0.0.1.')
    port = port === HIGHEST ? LOWEST : port + 1
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
