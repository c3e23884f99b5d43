// Checks what a user passes to `createEngine`, and fills in the defaults. Every mistake is named with its option.

import type { EngineOptions } from './contract.ts'
import type { Protocol } from './core.ts'
import type { NodeId } from './entry.ts'
import { MakoError } from './errors.ts'
import { DEFAULT_LIMITS, type EngineLimits } from './limits.ts'
import type { Clock, LogStore, Member, Random, Transport } from './ports.ts'
import { systemClock, systemRandom } from './system.ts'

/** The options of an engine, complete and checked. */
export interface CheckedOptions<Message> {
  readonly protocol: Protocol<Message>
  readonly nodeId: NodeId
  readonly members: readonly Member[]
  readonly clusterId: string
  readonly partitions: readonly number[]
  readonly leadTogether: readonly (readonly number[])[]
  readonly log: LogStore
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly limits: EngineLimits
}

const MAX_NAME_BYTES = 64
const MAX_PARTITION = 0xffff_ffff

/** @throws MakoError `BAD_OPTION` */
export function checkOptions<Message>(options: EngineOptions<Message>): CheckedOptions<Message> {
  const { protocol, nodeId, members, log, transport } = options
  const clusterId = options.clusterId ?? 'mako'
  const partitions = options.partitions ?? [0]
  checkName('clusterId', clusterId)
  checkName('nodeId', nodeId)
  checkMembers(members, nodeId)
  checkPartitions('partitions', partitions)
  const grouped = new Set<number>()
  for (const group of options.leadTogether ?? []) {
    checkPartitions('leadTogether', group)
    for (const partition of group) {
      if (!partitions.includes(partition))
        throw bad('leadTogether', `names partition ${partition}, which is not hosted`)
      if (grouped.has(partition)) throw bad('leadTogether', `names partition ${partition} in two groups`)
      grouped.add(partition)
    }
  }
  return {
    protocol,
    nodeId,
    members,
    clusterId,
    partitions,
    leadTogether: options.leadTogether ?? [],
    log,
    transport,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom(),
    limits: checkLimits(options.limits ?? {}),
  }
}

function checkMembers(members: readonly Member[], nodeId: NodeId): void {
  if (members.length === 0) throw bad('members', 'is empty')
  const ids = new Set<string>()
  const addresses = new Set<string>()
  if (members.every(({ learner }) => learner === true)) throw bad('members', 'has learners only, and nobody votes')
  for (const [i, { id, address, learner }] of members.entries()) {
    if (learner !== undefined && (learner as unknown) !== true) throw bad(`members[${i}].learner`, 'is not true')
    checkName(`members[${i}].id`, id)
    if (typeof address !== 'string' || address === '') throw bad(`members[${i}].address`, 'is not a non-empty string')
    if (ids.has(id)) throw bad('members', `has two members with the id '${id}'`)
    if (addresses.has(address)) throw bad('members', `has two members with the address '${address}'`)
    ids.add(id)
    addresses.add(address)
  }
  if (!ids.has(nodeId)) throw bad('members', `does not have this node, '${nodeId}'`)
}

function checkPartitions(option: string, partitions: readonly number[]): void {
  if (partitions.length === 0) throw bad(option, 'is empty')
  for (const partition of partitions) {
    if (!Number.isInteger(partition) || partition < 0 || partition > MAX_PARTITION) {
      throw bad(option, `has ${String(partition)}, which is not an integer from 0 to ${MAX_PARTITION}`)
    }
  }
  if (new Set(partitions).size !== partitions.length) throw bad(option, 'names a partition twice')
}

function checkLimits(given: Partial<EngineLimits>): EngineLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in DEFAULT_LIMITS)) throw bad(`limits.${name}`, 'is not a limit')
    if (typeof value !== 'number' || !(value > 0)) throw bad(`limits.${name}`, 'is not a positive number')
  }
  const limits = { ...DEFAULT_LIMITS, ...given }
  if (limits.payloadBytes > limits.blockBytes) throw bad('limits.payloadBytes', 'is above limits.blockBytes')
  return limits
}

function checkName(option: string, name: unknown): void {
  const length = typeof name === 'string' ? new TextEncoder().encode(name).length : 0
  if (length < 1 || length > MAX_NAME_BYTES) throw bad(option, `is not a string of 1 to ${MAX_NAME_BYTES} bytes`)
}

function bad(option: string, what: string): MakoError {
  return new MakoError('BAD_OPTION', `Option ${option} ${what}.`)
}
