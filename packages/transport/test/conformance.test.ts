// Every transport under the conformance suite.

import { transportSuite } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { memoryNetwork, tcpTransport } from '../src/index.ts'
import { freeAddresses } from './support.ts'

transportSuite(vitest, {
  name: 'memory',
  createNetwork: (bounds) => {
    const network = memoryNetwork(bounds)
    const members = ['a', 'b', 'c'].map((id) => ({ id, address: id }))
    return { members, transport: (nodeId) => network.transport(nodeId) }
  },
})

transportSuite(vitest, {
  name: 'tcp',
  createNetwork: async (bounds) => {
    const addresses = await freeAddresses(3)
    const members = ['a', 'b', 'c'].map((id, i) => ({ id, address: addresses[i]! }))
    return { members, transport: () => tcpTransport(bounds) }
  },
})
