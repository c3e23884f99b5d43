// The commands that work for every protocol. One file each; a new one is one line here.

import { GoldenCluster, type GoldenSetup } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import type { GoldenHandler, GoldenHandlers } from '../run.ts'
import { addNodes } from './add-nodes.ts'
import { campaign } from './campaign.ts'
import { crash } from './crash.ts'
import { deliver } from './deliver.ts'
import { detail } from './detail.ts'
import { drop } from './drop.ts'
import { duplicate } from './duplicate.ts'
import { durable } from './durable.ts'
import { heal } from './heal.ts'
import { hold } from './hold.ts'
import { log } from './log.ts'
import { messages } from './messages.ts'
import { partition } from './partition.ts'
import { peerDied } from './peer-died.ts'
import { propose } from './propose.ts'
import { read } from './read.ts'
import { readBarrier } from './read-barrier.ts'
import { release } from './release.ts'
import { restart } from './restart.ts'
import { run } from './run.ts'
import { stabilize } from './stabilize.ts'
import { status } from './status.ts'
import { tick } from './tick.ts'
import { transfer } from './transfer.ts'

/** The handlers for one script, with a world of their own: make them anew for each script. */
export function coreCommands<Message extends { readonly type: string }>(setup: GoldenSetup<Message>): GoldenHandlers {
  type Command = (cluster: GoldenCluster<Message>, command: GoldenCommand) => void
  const cluster = new GoldenCluster(setup)
  const commands: readonly (readonly [name: string, command: Command])[] = [
    ['add-nodes', addNodes],
    // Time.
    ['tick', tick],
    ['run', run],
    ['stabilize', stabilize],
    // What a caller may want.
    ['campaign', campaign],
    ['propose', propose],
    ['transfer', transfer],
    ['read-barrier', readBarrier],
    ['release', release],
    // The network.
    ['deliver', deliver],
    ['drop', drop],
    ['duplicate', duplicate],
    ['hold', hold],
    ['partition', partition],
    ['heal', heal],
    // Disks and processes.
    ['durable', durable],
    ['read', read],
    ['crash', crash],
    ['restart', restart],
    ['peer-died', peerDied],
    // To look at.
    ['messages', messages],
    ['log', log],
    ['status', status],
    ['detail', detail],
  ]
  return new Map(
    commands.map(([name, carryOut]): [string, GoldenHandler] => [
      name,
      (command) => {
        carryOut(cluster, command)
        return cluster.report.take()
      },
    ]),
  )
}
