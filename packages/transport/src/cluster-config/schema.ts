// What a cluster file says, and the rules for each field by itself. What fields must be to each other is in `parse.ts`.

import { DEFAULT_LIMITS } from '@mako/engine'
import type { EngineLimits, Member } from '@mako/engine'
import { z } from 'zod'
import { parseAddress } from '../address.ts'

/** The times of a protocol, in milliseconds; what is left out is the protocol's default. */
export interface ClusterTimings {
  readonly heartbeatMs?: number
  readonly electionTimeoutMs?: number
}

/** A cluster file, read and checked; deeply frozen. Its fields are those of the engine's options. */
export interface ClusterConfig {
  readonly clusterId: string
  readonly members: readonly Member[]
  readonly partitions: readonly number[]
  readonly leadTogether: readonly (readonly number[])[]
  readonly timings: ClusterTimings
  readonly limits: Partial<EngineLimits>
  /** What is allowed and yet probably not meant, in words. */
  readonly warnings: readonly string[]
}

/** Bytes of UTF-8 that a node id may have. */
const MAX_NAME_BYTES = 64
/** More partitions than this in one engine is a typing error. */
const MAX_PARTITIONS = 65_536
const MAX_PARTITION = 0xffff_ffff

const encoder = new TextEncoder()

function isName(text: string): boolean {
  const bytes = encoder.encode(text).length
  return bytes >= 1 && bytes <= MAX_NAME_BYTES
}

const name = z.string().refine(isName, { error: `must be 1 to ${MAX_NAME_BYTES} bytes of text` })

const address = z.string().superRefine((text, context) => {
  const parsed = parseAddress(text)
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed })
})

const partition = z.int().min(0).max(MAX_PARTITION)
const partitionList = z.array(partition).min(1).max(MAX_PARTITIONS)
const milliseconds = z.number().positive().max(3_600_000)
const limit = z.number().positive().max(Number.MAX_SAFE_INTEGER).optional()

const limitNames = Object.keys(DEFAULT_LIMITS) as (keyof EngineLimits)[]
const limits = z.strictObject(
  Object.fromEntries(limitNames.map((key) => [key, limit])) as Record<keyof EngineLimits, typeof limit>,
)

/** The file as it is written, with what is left out filled in. */
export interface ClusterFile {
  readonly clusterId: string
  readonly members: readonly Member[]
  /** A number n stands for 0 to n - 1. */
  readonly partitions: number | readonly number[]
  /** True stands for all partitions. */
  readonly leadTogether: boolean | readonly (readonly number[])[]
  readonly timings: { readonly [Name in keyof ClusterTimings]?: number | undefined }
  readonly limits: { readonly [Name in keyof EngineLimits]?: number | undefined }
}

/** Keys that are not here are refused. */
export const clusterFile: z.ZodType<ClusterFile> = z.strictObject({
  clusterId: name,
  members: z.array(z.strictObject({ id: name, address })).min(1),
  partitions: z.union([z.int().min(1).max(MAX_PARTITIONS), partitionList]).default(1),
  leadTogether: z.union([z.boolean(), z.array(partitionList)]).default(false),
  timings: z
    .strictObject({ heartbeatMs: milliseconds.optional(), electionTimeoutMs: milliseconds.optional() })
    .default({}),
  limits: limits.default({}),
})
