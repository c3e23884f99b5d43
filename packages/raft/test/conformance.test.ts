// Raft under the conformance suite of protocols.

import { coreSuite } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { raft } from '../src/index.ts'

coreSuite(vitest, { name: 'raft', createProtocol: () => raft() })
