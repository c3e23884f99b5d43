// The TCP transport: the suite over loopback.

import { tcpTransport } from '../src/index.ts'
import { transportSuite } from './suite.ts'
import { freeAddresses } from './support.ts'

transportSuite('tcp', async () => {
  const addresses = await freeAddresses(4)
  const members = ['a', 'b', 'c'].map((id, i) => ({ id, address: addresses[i]! }))
  return { members, transport: () => tcpTransport() }
})
