// Reads a cluster file from text. Touches nothing but its arguments.
//
// Always true: either everything in the file was understood and fits together, or the error lists every fault that
// could be found at once, each with its path, line, column and reason, in the order of the file.

import { MakoError } from '@mako/engine'
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { type ClusterConfig, type ClusterFile, clusterFile } from './schema.ts'

type Path = readonly PropertyKey[]

interface Fault {
  readonly path: Path
  readonly reason: string
  /** The fault is this key itself and not its value. */
  readonly key?: string
}

/** A protocol wants to miss this many heartbeats before it doubts its leader. */
const HEARTBEATS_PER_ELECTION = 5

/**
 * Reads the text of a cluster file (YAML); `name` stands for the file in messages.
 * @throws MakoError `BAD_CONFIG` with all faults, one a line
 */
export function parseClusterConfig(text: string, name = 'cluster file'): ClusterConfig {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  if (document.errors.length > 0) {
    throw badConfig(
      name,
      document.errors.map((error) => `${position(lines, error.pos[0])}: ${error.message}`),
    )
  }
  const value = plainValue(document, name)
  const parsed = clusterFile.safeParse(value, { error: describe })
  const faults = [...(parsed.success ? [] : parsed.error.issues.flatMap(faultsOf)), ...duplicates(value)]
  if (parsed.success) faults.push(...contradictions(parsed.data))
  if (!parsed.success || faults.length > 0) {
    const located = faults.map((fault) => ({ fault, offset: offsetOf(document, fault) }))
    located.sort((a, b) => a.offset - b.offset)
    throw badConfig(
      name,
      located.map(({ fault, offset }) => `${pathText(fault)} (${position(lines, offset)}): ${fault.reason}`),
    )
  }
  return freeze(configOf(parsed.data))
}

function plainValue(document: Document.Parsed, name: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    // Aliases that multiply beyond measure, or that stand for nothing.
    throw badConfig(name, [error instanceof Error ? error.message : String(error)])
  }
}

function configOf(file: ClusterFile): ClusterConfig {
  const partitions = partitionsOf(file)
  const { heartbeatMs, electionTimeoutMs } = file.timings
  const warnings: string[] = []
  if (heartbeatMs !== undefined && electionTimeoutMs !== undefined) {
    if (electionTimeoutMs < HEARTBEATS_PER_ELECTION * heartbeatMs) {
      warnings.push(
        `timings.electionTimeoutMs is less than ${HEARTBEATS_PER_ELECTION} times timings.heartbeatMs: a few lost ` +
          'messages can cost a healthy leader its leadership',
      )
    }
  }
  const { leadTogether } = file
  return {
    clusterId: file.clusterId,
    members: file.members,
    partitions,
    leadTogether: typeof leadTogether === 'boolean' ? (leadTogether ? [partitions] : []) : leadTogether,
    timings: {
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      ...(electionTimeoutMs === undefined ? {} : { electionTimeoutMs }),
    },
    limits: Object.fromEntries(Object.entries(file.limits).filter(([, limit]) => limit !== undefined)),
    warnings,
  }
}

function partitionsOf({ partitions }: ClusterFile): readonly number[] {
  return typeof partitions === 'number' ? Array.from({ length: partitions }, (_, i) => i) : partitions
}

/** Ids and addresses that are there twice; looks at the raw value, so that it helps when other fields are wrong too. */
function duplicates(value: unknown): Fault[] {
  const members = isRecord(value) ? value['members'] : undefined
  if (!Array.isArray(members)) return []
  const faults: Fault[] = []
  for (const field of ['id', 'address']) {
    const first = new Map<string, number>()
    for (const [i, member] of (members as unknown[]).entries()) {
      const text = isRecord(member) ? member[field] : undefined
      if (typeof text !== 'string') continue
      const other = first.get(text)
      if (other === undefined) first.set(text, i)
      else faults.push({ path: ['members', i, field], reason: `"${text}" is already that of members[${other}]` })
    }
  }
  return faults
}

/** What is wrong between fields that are right by themselves. */
function contradictions(file: ClusterFile): Fault[] {
  const faults: Fault[] = []
  const known = new Set<number>()
  for (const [i, partition] of partitionsOf(file).entries()) {
    if (known.has(partition)) faults.push({ path: ['partitions', i], reason: `partition ${partition} is there twice` })
    known.add(partition)
  }
  const groups = typeof file.leadTogether === 'boolean' ? [] : file.leadTogether
  const groupOf = new Map<number, number>()
  for (const [g, group] of groups.entries()) {
    for (const [i, partition] of group.entries()) {
      const path = ['leadTogether', g, i]
      if (!known.has(partition)) {
        faults.push({ path, reason: `partition ${partition} is not among the partitions` })
      } else if (groupOf.has(partition)) {
        faults.push({ path, reason: `partition ${partition} is already in leadTogether[${groupOf.get(partition)!}]` })
      } else {
        groupOf.set(partition, g)
      }
    }
  }
  const { heartbeatMs, electionTimeoutMs } = file.timings
  if (heartbeatMs !== undefined && electionTimeoutMs !== undefined && electionTimeoutMs <= heartbeatMs) {
    faults.push({ path: ['timings', 'electionTimeoutMs'], reason: 'must be longer than heartbeatMs' })
  }
  return faults
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: issue.path, key, reason: 'is not a known key' }))
  }
  if (issue.code === 'invalid_union') {
    // One of the forms is the one that was meant: the one that got furthest.
    const branches = issue.errors.filter((branch) => branch.some(({ path }) => path.length > 0))
    const meant = branches[0]
    if (meant) return meant.flatMap((inner) => faultsOf({ ...inner, path: [...issue.path, ...inner.path] }))
    const reasons = issue.errors.flatMap((branch) => branch.map((inner) => inner.message))
    return [{ path: issue.path, reason: [...new Set(reasons)].join(', or ') }]
  }
  return [{ path: issue.path, reason: issue.message }]
}

/** Reasons in the words of someone who writes the file. */
function describe(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing'
      if (issue.expected === 'string')
        return `must be text${isPlain(issue.input) ? `, "${String(issue.input)}" in quotes` : ''}`
      if (issue.expected === 'int') return 'must be a whole number'
      if (issue.expected === 'array') return 'must be a list'
      if (issue.expected === 'object') return 'must be a map of keys and values'
      return `must be a ${issue.expected}`
    case 'too_small':
      if (issue.origin === 'array') return 'must not be empty'
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'array' ? `must not have more than ${issue.maximum}` : `must be at most ${issue.maximum}`
    default:
      return undefined
  }
}

function isPlain(value: unknown): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Where in the text a fault is; for what is missing, where the nearest thing around it begins. */
function offsetOf(document: Document.Parsed, fault: Fault): number {
  for (let depth = fault.path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(fault.path.slice(0, depth), true)
    if (fault.key !== undefined && depth === fault.path.length && isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === fault.key)
      if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0]
    }
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function position(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `line ${Math.max(line, 1)}, column ${Math.max(col, 1)}`
}

function pathText({ path, key }: Fault): string {
  let text = ''
  for (const step of key === undefined ? path : [...path, key]) {
    text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${String(step)}`
  }
  return text === '' ? 'the file' : text
}

function badConfig(name: string, reasons: readonly string[]): MakoError {
  return new MakoError('BAD_CONFIG', `${name} does not describe a cluster:\n${reasons.map((r) => `  ${r}`).join('\n')}`)
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freeze(inner)
  }
  return value
}
