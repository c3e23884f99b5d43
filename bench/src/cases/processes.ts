// The real thing: three processes, TCP over loopback, every entry flushed to disk on a majority before its outcome.
// Clients run inside the leader's process, as they do in an application that uses an engine as a library.

import { join } from 'node:path'
import type { BenchCase } from '../case.ts'
import { Child, freeAddresses } from '../children/child.ts'
import type { FromNode, NodeOptions, ToNode } from '../children/node.ts'
import { quantiles } from '../closed-loop.ts'
import { rate } from '../measure.ts'
import { withDirectory } from '../temporary.ts'

type NodeChild = Child<ToNode, FromNode>

const NAMES = ['a', 'b', 'c']

async function cpuUs(nodes: readonly NodeChild[]): Promise<number> {
  for (const node of nodes) node.tell({ type: 'cpu' })
  const answers = await Promise.all(nodes.map((node) => node.hear('cpu')))
  return answers.reduce((sum, { us }) => sum + us, 0)
}

async function measure(directory: string, outstanding: number, seconds: number): ReturnType<BenchCase['run']> {
  const addresses = await freeAddresses(NAMES.length)
  const members = NAMES.map((id, i) => ({ id, address: addresses[i]! }))
  const nodes = NAMES.map((nodeId): NodeChild => {
    const options: NodeOptions = { nodeId, members, directory: join(directory, nodeId) }
    return new Child('node.ts', options)
  })
  try {
    // Any of them may win; that the others never do must not be an unhandled rejection.
    const leader = await Promise.any(nodes.map((node) => node.hear('leading').then(() => node)))
    const others = nodes.filter((node) => node !== leader)
    const before = await cpuUs([leader, ...others])
    leader.tell({ type: 'run', outstanding, seconds })
    const { result } = await leader.hear('result')
    const after = await cpuUs([leader, ...others])
    for (const node of nodes) node.tell({ type: 'stop' })
    await Promise.all(nodes.map((node) => node.hear('stopped')))
    return { ...rate(result, quantiles(result)), cpuUsPerOperation: (after - before) / result.allOperations }
  } finally {
    await Promise.all(nodes.map((node) => node.kill()))
  }
}

function processesCase(outstanding: number): BenchCase {
  return {
    name: `processes/${outstanding}`,
    description: `three processes, tcp and file log, 100 B, ${outstanding} outstanding`,
    unit: 'entries/s',
    setupSeconds: 3.5,
    run: (seconds) => withDirectory((directory) => measure(directory, outstanding, seconds)),
  }
}

export const processesCases: readonly BenchCase[] = [1, 64, 1024].map(processesCase)
