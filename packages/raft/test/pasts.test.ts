// A leader brings any follower up to date, whatever either has been through.

import { anyTwoPasts } from '../../engine/test/pasts.ts'
import { Cluster } from './cluster.ts'

anyTwoPasts({
  build: (options) => new Cluster({ ...options, raft: { preVote: false, checkQuorum: false } }),
  termOf: ({ term }) => term,
})
