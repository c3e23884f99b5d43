// Servers that replicate, as systems that are measured side by side: etcd, NATS JetStream, Redis and ZooKeeper. How
// each is driven is in `bench/peers/NAME/main.go`.
//
// Always true: a write that counts was answered with success by the server; the time of an operation is from the client
// and back, over TCP, and the clients' processor time is in the figure beside that of the servers.

import type { System } from '../system.ts'
import { GO, goLibrary, missingMessage, type Needed } from './go.ts'
import { LoadGenerator } from './load-generator.ts'

export interface Server {
  readonly name: string
  readonly title: string
  readonly shape: string
  readonly needed: readonly Needed[]
  /** At most, of clients when it is started: long where much is compiled on the way. */
  readonly warmUpSeconds: number
}

export type ServerName = 'etcd' | 'nats' | 'redis' | 'zookeeper'

export const SERVERS: Readonly<Record<ServerName, Server>> = {
  etcd: {
    name: 'etcd',
    title: 'etcd 3.4, as Debian 12 has it',
    shape:
      'Put through clientv3 (Go), a connection for each 32 in flight, at most 16, to the leader, 10,000 keys. disk: a majority has flushed. ' +
      'memory: --unsafe-no-fsync. It refuses more than 5,000 in flight.',
    needed: [
      { debianPackage: 'etcd-server', file: 'etcd' },
      GO,
      goLibrary('golang-etcd-server-dev', 'go.etcd.io/etcd/clientv3'),
    ],
    warmUpSeconds: 1,
  },
  nats: {
    name: 'nats',
    title: 'NATS JetStream 2.9, as Debian 12 has it',
    shape:
      'PublishMsgAsync through nats.go, up to 4 connections to the leader of a stream with 3 replicas. ' +
      'disk: file storage, but this version answers before it flushes, which it does every two minutes. ' +
      'memory: memory storage.',
    needed: [
      { debianPackage: 'nats-server', file: 'nats-server' },
      GO,
      goLibrary('golang-github-nats-io-go-nats-dev', 'github.com/nats-io/nats.go'),
    ],
    warmUpSeconds: 1,
  },
  redis: {
    name: 'redis',
    title: 'Redis 7.0, as Debian 12 has it',
    shape:
      'SETs and one WAIT 1 for each batch through redigo (Go), up to 4 connections, a primary and two replicas; the ' +
      'time of an operation is that of its batch. disk: appendfsync always, where the flush of the primary is awaited ' +
      'and that of the replica is not. memory: no file. Replication, not consensus: acknowledged writes can be lost.',
    needed: [
      { debianPackage: 'redis-server', file: 'redis-server' },
      GO,
      goLibrary('golang-github-gomodule-redigo-dev', 'github.com/gomodule/redigo/redis'),
    ],
    warmUpSeconds: 0.5,
  },
  zookeeper: {
    name: 'zookeeper',
    title: 'ZooKeeper 3.8, as Debian 12 has it',
    shape:
      'setData through go-zookeeper, up to 16 sessions at the leader, 1,000 nodes. disk: a majority has flushed. ' +
      'memory: forceSync=no.',
    needed: [
      { debianPackage: 'zookeeper', file: '/usr/share/java/zookeeper.jar' },
      { debianPackage: 'default-jre-headless', file: 'java' },
      GO,
      goLibrary('golang-github-samuel-go-zookeeper-dev', 'github.com/samuel/go-zookeeper/zk'),
    ],
    warmUpSeconds: 12,
  },
}

export function serverSystem({ name, title, shape, needed, warmUpSeconds }: Server): System {
  return {
    name,
    kind: 'server',
    title,
    shape,
    setups: ['disk', 'memory'],
    missing: () => Promise.resolve(missingMessage(needed)),
    start: (setup, directory) => LoadGenerator.start({ name, setup, directory, warmUpSeconds }),
  }
}

export const etcd: System = serverSystem(SERVERS.etcd)
export const nats: System = serverSystem(SERVERS.nats)
export const redis: System = serverSystem(SERVERS.redis)
export const zookeeper: System = serverSystem(SERVERS.zookeeper)
