// Libraries of Raft, as systems that are measured side by side: etcd's and HashiCorp's, both in Go. How each is driven is
// in `bench/peers/NAME`.
//
// Always true: the clients are in the process of the leader, as ours are; an operation is over when it is applied there;
// every node applies every entry.

import type { System } from '../system.ts'
import { GO, goLibrary, missingMessage, type Needed } from './go.ts'
import { LoadGenerator } from './load-generator.ts'

export type LibraryName = 'etcd-raft' | 'hashicorp-raft'

export interface Library {
  readonly name: LibraryName
  readonly title: string
  readonly shape: string
  readonly needed: readonly Needed[]
}

/** Of clients when it is started, so that no measurement pays for files and memory that grow at first. */
const WARM_UP_SECONDS = 0.3

export const LIBRARIES: Readonly<Record<LibraryName, Library>> = {
  'etcd-raft': {
    name: 'etcd-raft',
    title: "etcd's Raft library 3.4 (Go), as Debian 12 has it",
    shape:
      'RawNode in an event loop: everything that waits is one proposal and one Ready; clients are callbacks of that ' +
      'loop; protobuf over TCP, one write for each turn; pipelined, with pre-vote and a quorum check. disk: its ' +
      'write-ahead log, one flush for each Ready, beside those of the followers. memory: its memory storage. ' +
      'one-process: messages are handed over without a copy, one goroutine runs all three nodes.',
    needed: [GO, goLibrary('golang-etcd-server-dev', 'go.etcd.io/etcd/raft')],
  },
  'hashicorp-raft': {
    name: 'hashicorp-raft',
    title: 'hashicorp/raft 1.1 (Go), as Debian 12 has it',
    shape:
      'A goroutine for each operation in flight, which applies one entry and waits; batches of what waits meanwhile; ' +
      'its pipelined TCP transport; a state machine that takes batches. disk: raft-boltdb behind the log cache, ' +
      'batches of up to 1,024. memory: a ring of the last entries, batches of up to 128. one-process: the same over ' +
      'its transport in memory, batches of up to 256.',
    needed: [
      GO,
      goLibrary('golang-github-hashicorp-raft-dev', 'github.com/hashicorp/raft'),
      goLibrary('golang-github-hashicorp-raft-boltdb-dev', 'github.com/hashicorp/raft-boltdb'),
    ],
  },
}

export function librarySystem({ name, title, shape, needed }: Library): System {
  return {
    name,
    kind: 'library',
    title,
    shape,
    setups: ['disk', 'memory', 'one-process'],
    missing: () => Promise.resolve(missingMessage(needed)),
    start: (setup, directory) => LoadGenerator.start({ name, setup, directory, warmUpSeconds: WARM_UP_SECONDS }),
  }
}

/** The same with clients as most programs have them: each is a goroutine that waits until its entry is applied. */
export const etcdRaftWaiting: System = {
  ...librarySystem(LIBRARIES['etcd-raft']),
  name: 'etcd-raft-waiting',
  waiting: 'only',
  shape: 'like etcd-raft, but clients are goroutines: each proposes an entry and waits until it is applied',
  start: (setup, directory) =>
    LoadGenerator.start({ name: 'etcd-raft', setup, directory, warmUpSeconds: WARM_UP_SECONDS, waiting: true }),
}

export const etcdRaft: System = librarySystem(LIBRARIES['etcd-raft'])
export const hashicorpRaft: System = { ...librarySystem(LIBRARIES['hashicorp-raft']), waiting: 'also' }
