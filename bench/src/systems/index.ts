// Every system that is measured side by side with others: ours first, then its peers.

import { etcdRaft, etcdRaftWaiting, hashicorpRaft } from '../peers/libraries.ts'
import { skiffAlgorithm } from '../peers/npm.ts'
import { etcd, nats, redis, zookeeper } from '../peers/servers.ts'
import type { System } from '../system.ts'
import { makoPaxos, makoRaft } from './mako.ts'

export const ours: readonly System[] = [makoRaft, makoPaxos]
export const peers: readonly System[] = [
  etcdRaft,
  etcdRaftWaiting,
  hashicorpRaft,
  skiffAlgorithm,
  etcd,
  nats,
  redis,
  zookeeper,
]
