// Multi-Paxos under the conformance suite of protocols.

import { coreSuite } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { paxos } from '../src/index.ts'

coreSuite(vitest, { name: 'paxos', createProtocol: () => paxos() })
