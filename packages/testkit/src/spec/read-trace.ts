// How a trace is read by a specification: event after event, the inputs of a core one by one, its outputs turn by turn.
//
// Always true: it knows what a trace is and nothing of any protocol; what is refused ends the reading.

import type { NodeId } from '@mako/engine'
import {
  isOutput,
  type OutputEvent,
  type Trace,
  type TracedBlock,
  type TracedMessage,
  type TraceEvent,
} from '../trace/event.ts'
import { entry } from './entry.ts'
import { check, Refusal, type Verdict } from './verdict.ts'

type Start = Extract<TraceEvent, { type: 'start' }>

/** The inputs of one turn of a core: since its last output. */
export interface Turn<Message> {
  readonly messages: { readonly from: NodeId; readonly message: Message }[]
  readonly proposed: TracedBlock[]
  /** A tick or a wish to campaign. */
  mayCampaign: boolean
}

export function newTurn<Message>(): Turn<Message> {
  return { messages: [], proposed: [], mayCampaign: false }
}

/** One partition, over all nodes, as far as reading goes. */
export interface AnyGroup<Life> {
  readonly disks: Map<NodeId, unknown>
  readonly lives: Map<NodeId, Life>
}

/** One life of one node in one partition, as far as reading goes. */
interface AnyLife<Message> {
  turn: Turn<Message>
}

/** What a protocol says of what a trace tells. Each function refuses what is not allowed. */
export interface Specification<Message, Life extends AnyLife<Message>, Group extends AnyGroup<Life>> {
  readonly newGroup: () => Group
  readonly start: (group: Group, event: Start) => void
  readonly deliver: (life: Life, from: NodeId, message: TracedMessage) => void
  readonly settle: (group: Group, node: NodeId, write: number) => void
  /** A turn has ended with these outputs. */
  readonly carryOut: (group: Group, life: Life, run: readonly OutputEvent[]) => void
}

/** The life of a node that acts. */
export function lifeOf<Life>(group: AnyGroup<Life>, node: NodeId): Life {
  const life = group.lives.get(node)
  check(life !== undefined, 'alive', 'a node acts that does not run')
  return life
}

/** Accepts a trace, or names the first output that no rule allows. */
export function readTrace<Message, Life extends AnyLife<Message>, Group extends AnyGroup<Life>>(
  specification: Specification<Message, Life, Group>,
  { events, dropped }: Trace,
): Verdict {
  if (dropped > 0) return { ok: false, step: 0, rule: 'whole-trace', message: `${dropped} events are missing` }
  const groups = new Map<number, Group>()
  const groupOf = (partition: number): Group => entry(groups, partition, specification.newGroup)
  let step = 0
  try {
    while (step < events.length) {
      const event = events[step]!
      if (isOutput(event)) {
        // An output is a run of events of one core.
        const first = step
        while (step + 1 < events.length && continues(event, events[step + 1]!)) step++
        const group = groupOf(event.partition)
        const life = lifeOf(group, event.node)
        specification.carryOut(group, life, events.slice(first, step + 1) as OutputEvent[])
        life.turn = newTurn()
      } else takeIn(specification, groups, groupOf, event)
      step++
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const event = events[step]!
    const where = 'partition' in event ? `${event.node}, partition ${event.partition}` : 'the world'
    return { ok: false, step, rule: error.rule, message: `${where}, at ${event.at} ms: ${error.message}` }
  }
  return { ok: true, steps: events.length }
}

function continues(event: OutputEvent, next: TraceEvent): boolean {
  return isOutput(next) && next.node === event.node && next.partition === event.partition
}

function takeIn<Message, Life extends AnyLife<Message>, Group extends AnyGroup<Life>>(
  specification: Specification<Message, Life, Group>,
  groups: ReadonlyMap<number, Group>,
  groupOf: (partition: number) => Group,
  event: Exclude<TraceEvent, OutputEvent>,
): void {
  switch (event.type) {
    case 'start':
      specification.start(groupOf(event.partition), event)
      return
    case 'deliver':
      specification.deliver(lifeOf(groupOf(event.partition), event.node), event.from, event.message)
      return
    case 'durable':
      specification.settle(groupOf(event.partition), event.node, event.write)
      return
    case 'tick':
    case 'campaign':
      lifeOf(groupOf(event.partition), event.node).turn.mayCampaign = true
      return
    case 'propose':
      lifeOf(groupOf(event.partition), event.node).turn.proposed.push(event.block)
      return
    case 'crash':
      for (const group of groups.values()) group.lives.delete(event.node)
      return
    case 'fault':
      if (event.kind === 'wiped-disk' && event.node !== undefined) {
        for (const group of groups.values()) group.disks.delete(event.node)
      }
      return
    case 'read-done':
    case 'peer-died':
    case 'hand-over':
    case 'reader':
    case 'release':
    case 'apply':
    case 'answer':
    case 'pause':
    case 'resume':
    case 'cut':
    case 'join':
    case 'heal':
      return
  }
}
