// Addresses on loopback that nobody listens on.

import { once } from 'node:events'
import { createServer } from 'node:net'

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
