// The handshake: what the first frame in each direction says, and whether it fits.
//
// Always true: a hello is judged against what this node knows (its cluster, its name, its peers), never against what
// the other side claims to know; one that does not fit is a reason in words and nothing else.

import type { NodeId } from '@mako/engine'
import { mako } from '../gen/transport.js'
import { encodeFrame, HELLO_TAG, VERSION } from './frame.ts'

/** A hello with two names and a cluster id of any sensible length fits; what is longer is not waited for. */
export const MAX_HELLO_FRAME_BYTES = 4096

/**
 * What a connection is for. The node with the smaller id opens the one `link` of a pair. The other one cannot know
 * whether that node is waiting out a back-off, so it knocks: a `knock` asks for the link now and carries nothing.
 */
export type Purpose = 'link' | 'knock'

export interface Hello {
  readonly version: number
  readonly clusterId: string
  readonly from: NodeId
  readonly to: NodeId
  readonly incarnation: number
  /** Counts the connections that the sender has opened to this peer in this life; 0 in an answer. */
  readonly attempt: number
  readonly purpose: Purpose
}

const { Hello: HelloMessage, Purpose: PurposeCode } = mako.transport

export function encodeHello(hello: Hello): Uint8Array {
  const purpose = hello.purpose === 'link' ? PurposeCode.PURPOSE_LINK : PurposeCode.PURPOSE_KNOCK
  return encodeFrame('hello', HELLO_TAG, HelloMessage.encode({ ...hello, purpose }).finish())
}

/** Whether a cluster id and two node ids fit into a hello. */
export function helloFits(clusterId: string, from: NodeId, to: NodeId): boolean {
  const largest = Number.MAX_SAFE_INTEGER
  const hello = {
    version: VERSION,
    clusterId,
    from,
    to,
    incarnation: largest,
    attempt: largest,
    purpose: 'link',
  } as const
  return encodeHello(hello).length <= MAX_HELLO_FRAME_BYTES
}

/** Reads the body of a hello frame; undefined when it is none. */
export function decodeHello(body: Uint8Array): Hello | undefined {
  try {
    const message = HelloMessage.decode(body)
    const incarnation = numberOf(message.incarnation)
    const attempt = numberOf(message.attempt)
    if (!Number.isSafeInteger(incarnation) || !Number.isSafeInteger(attempt)) return undefined
    const { version, clusterId, from, to } = message
    const purpose = purposeOf(message.purpose)
    return purpose && { version, clusterId, from, to, incarnation, attempt, purpose }
  } catch {
    return undefined
  }
}

/** A zero is not on the wire, and what the codec then puts in its place is an object, whatever its type says. */
function numberOf(value: unknown): number {
  return Number(value)
}

function purposeOf(code: number): Purpose | undefined {
  if (code === (PurposeCode.PURPOSE_LINK as number)) return 'link'
  return code === (PurposeCode.PURPOSE_KNOCK as number) ? 'knock' : undefined
}

export type HelloFault = 'bad-version' | 'wrong-cluster' | 'wrong-node' | 'unknown-node'

/** What a node expects of those who speak to it. */
export interface Expectation {
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly isPeer: (id: NodeId) => boolean
}

/** Whether a hello is for this node, from a node that it knows; the fault and what a log line says of it. */
export function judgeHello(
  hello: Hello,
  expected: Expectation,
): { readonly reason: HelloFault; readonly detail: string } | undefined {
  const { version, clusterId, from, to } = hello
  if (version !== VERSION) return { reason: 'bad-version', detail: `it speaks version ${version}, this is ${VERSION}` }
  if (clusterId !== expected.clusterId) {
    return { reason: 'wrong-cluster', detail: `it is of cluster ${JSON.stringify(clusterId)}` }
  }
  if (to !== expected.nodeId) return { reason: 'wrong-node', detail: `it wants to reach node ${JSON.stringify(to)}` }
  if (!expected.isPeer(from)) return { reason: 'unknown-node', detail: `it calls itself ${JSON.stringify(from)}` }
  return undefined
}
