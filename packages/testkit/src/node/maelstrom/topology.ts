// Who is told to be whose neighbour, for the workloads that say it.
//
// Always true: neighbours are mutual, nobody is its own, and all nodes are connected.

export type TopologyName = 'grid' | 'line' | 'total' | 'tree4'

export const TOPOLOGIES: readonly TopologyName[] = ['grid', 'line', 'total', 'tree4']

/** By node, its neighbours. */
export function topologyOf(name: TopologyName, nodes: readonly string[]): Record<string, string[]> {
  const neighbours = new Map(nodes.map((node) => [node, new Set<string>()]))
  const width = Math.ceil(Math.sqrt(nodes.length))
  const link = (a: number, b: number): void => {
    const [one, other] = [nodes[a], nodes[b]]
    if (one === undefined || other === undefined) return
    neighbours.get(one)!.add(other)
    neighbours.get(other)!.add(one)
  }
  for (let i = 0; i < nodes.length; i++) {
    switch (name) {
      case 'grid':
        if ((i + 1) % width !== 0) link(i, i + 1)
        link(i, i + width)
        break
      case 'line':
        link(i, i + 1)
        break
      case 'total':
        for (let other = i + 1; other < nodes.length; other++) link(i, other)
        break
      case 'tree4':
        for (let child = 4 * i + 1; child <= 4 * i + 4; child++) link(i, child)
        break
    }
  }
  return Object.fromEntries([...neighbours].map(([node, of]) => [node, [...of]]))
}
