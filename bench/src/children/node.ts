// One node of the three-process benchmark: file log, TCP, Raft, and on request the clients, beside the leader.

import { createEngine, type Member } from '@mako/engine'
import { raft } from '@mako/raft'
import { openFileLog } from '@mako/store/log'
import { tcpTransport } from '@mako/transport/tcp'
import { addLogLoop } from '../cases/engine.ts'
import type { LoopResult } from '../closed-loop.ts'
import { childOptions, serveParent } from './child.ts'

export interface NodeOptions {
  readonly nodeId: string
  readonly members: readonly Member[]
  readonly directory: string
}

export type ToNode =
  | { readonly type: 'run'; readonly outstanding: number; readonly seconds: number }
  | { readonly type: 'cpu' }
  | { readonly type: 'stop' }

export type FromNode =
  | { readonly type: 'leading' }
  | { readonly type: 'cpu'; readonly us: number }
  | { readonly type: 'result'; readonly result: LoopResult }
  | { readonly type: 'stopped' }

/** Smaller than the default: a run of a second or two need not lay out 128 MiB for each node. */
const SEGMENT_BYTES = 16 * 1024 * 1024

const { nodeId, members, directory } = childOptions() as NodeOptions

const engine = createEngine({
  protocol: raft({ preferredLeader: 'a' }),
  nodeId,
  members,
  log: await openFileLog(directory, { segmentBytes: SEGMENT_BYTES }),
  transport: tcpTransport(),
})
const apply = (): undefined => undefined
engine.onApply({ leader: apply, follower: apply })

async function obey(message: ToNode): Promise<void> {
  switch (message.type) {
    case 'run':
      tell({ type: 'result', result: await addLogLoop(engine, message.outstanding, message.seconds) })
      return
    case 'cpu': {
      const { user, system } = process.cpuUsage()
      tell({ type: 'cpu', us: user + system })
      return
    }
    case 'stop':
      await engine.stop()
      tell({ type: 'stopped' })
      return
  }
}

// A rejection ends this process with its reason on stderr, and the parent sees it end.
const send = serveParent((message) => void obey(message as ToNode))
const tell = (message: FromNode): void => send(message)
engine.on('leader', () => tell({ type: 'leading' }))
await engine.start()
