// When a leader falls silent its followers take turns (ADR 5).

import { followersTakeTurns } from '../../engine/test/turns.ts'
import { Cluster } from './cluster.ts'

followersTakeTurns({
  build: ({ preferredLeader, ...options }) =>
    new Cluster({ ...options, raft: preferredLeader === undefined ? {} : { preferredLeader } }),
  isCampaign: (message) => message.type === 'vote-request' && message.election !== 'pre-vote',
})
