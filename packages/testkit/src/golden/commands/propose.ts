// `propose node=a entries=(x,y)`: adds one block with an entry for each payload, if this node leads.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import type { Admission } from '@mako/engine'

export function propose<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const node = cluster.node(command.text('node'))
  const payloads = command.list('entries')
  if (payloads.length === 0) throw command.mistake('"entries" is missing')
  if (node.propose(payloads)) return
  const admission = node.core?.admit()
  switch (admission?.status) {
    case undefined:
      cluster.report.say(`${node.id} is down`)
      break
    case 'TRANSFERRING':
      cluster.report.say(`${node.id} is handing over`)
      break
    case 'NOT_LEADER':
    case 'LEADER':
      cluster.report.say(`${node.id} does not lead${hint(admission, cluster.describe.term)}`)
      break
  }
}

function hint(admission: Admission, term: (term: number) => string = String): string {
  if (admission.status !== 'NOT_LEADER' || admission.leader === undefined) return ''
  return `, ${admission.leader} does in term ${term(admission.term)}`
}
