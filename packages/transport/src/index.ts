/**
 * Moves bytes between nodes; may lose, repeat and reorder them, and says so. Owns the frame and nothing in it.
 *
 * @packageDocumentation
 */

export { memoryNetwork, type MemoryNetwork, type MemoryNetworkOptions } from './memory.ts'
export {
  tcpTransport,
  type FrameFault,
  type HelloFault,
  type RefuseReason,
  type TcpTransportOptions,
} from './tcp/index.ts'

export { loadClusterConfig } from './cluster-config/load.ts'
export { parseClusterConfig } from './cluster-config/parse.ts'
export type { ClusterConfig, ClusterTimings } from './cluster-config/schema.ts'
