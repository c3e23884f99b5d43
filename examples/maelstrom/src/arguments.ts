// The command line of the node. Parsing is pure: arguments in, options or a message out.

import { parseArgs } from 'node:util'
import { WORKLOADS, type WorkloadName } from './requests.ts'
import type { ProtocolName } from './replication.ts'

export interface NodeArguments {
  readonly protocol: ProtocolName
  readonly workload: WorkloadName | undefined
  readonly staleReads: boolean
  readonly nameLeader: boolean
}

export type ParsedArguments =
  | { readonly status: 'RUN'; readonly options: NodeArguments }
  | { readonly status: 'HELP' }
  | { readonly status: 'WRONG'; readonly message: string }

export const HELP: string = `A node for the Maelstrom workbench: one JSON object per line on stdin and stdout, logs on stderr.

  --protocol NAME    raft or paxos (raft)
  --workload NAME    how a read without key is meant, when that cannot be told from what was seen before:
                     ${WORKLOADS.join(', ')}
  --stale-reads      answer reads from local state, without asking a leader
  --name-leader      successful answers name the leader, as errors do; Maelstrom's own clients do not take that
  --help             this text

Environment:
  MAKO_DATA          the folder in which this very node keeps its log; without it, it keeps it in memory and must not
                     be restarted within a run`

export function parseArguments(argv: readonly string[]): ParsedArguments {
  try {
    const { values } = parseArgs({
      args: [...argv],
      allowPositionals: false,
      options: {
        protocol: { type: 'string', default: 'raft' },
        workload: { type: 'string' },
        'stale-reads': { type: 'boolean', default: false },
        'name-leader': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return { status: 'HELP' }
    const { protocol, workload } = values
    if (protocol !== 'raft' && protocol !== 'paxos') return wrong(`--protocol is raft or paxos, not ${protocol}`)
    const known = WORKLOADS.find((name) => name === workload)
    if (workload !== undefined && known === undefined) return wrong(`--workload is one of ${WORKLOADS.join(', ')}`)
    return {
      status: 'RUN',
      options: { protocol, workload: known, staleReads: values['stale-reads'], nameLeader: values['name-leader'] },
    }
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

function wrong(message: string): ParsedArguments {
  return { status: 'WRONG', message }
}
