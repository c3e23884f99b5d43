// A node in a process of its own: says `ready` when it is connected, then waits to be killed.
// Arguments: node id, incarnation, members as JSON.

import type { Member } from '@mako/engine'
import { tcpTransport } from '../src/index.ts'

const [nodeId, incarnation, members] = process.argv.slice(2)
const transport = tcpTransport()
await transport.start(
  {
    clusterId: 'test',
    nodeId: nodeId!,
    incarnation: Number(incarnation),
    members: JSON.parse(members!) as Member[],
  },
  { message: () => undefined, connected: () => process.stdout.write('ready\n'), closed: () => undefined },
)
