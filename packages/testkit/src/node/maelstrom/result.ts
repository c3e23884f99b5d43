// What a run has come to: figures, errors and the table that people read.
//
// Always true: figures are those of the time in which clients asked, without the final phase.

import type { Operation } from './history.ts'
import type { NetworkCounters } from './network.ts'
import { quantilesOf, type Quantiles } from './quantiles.ts'
import type { MaelstromOptions } from './run.ts'

export interface MaelstromResult {
  readonly ok: boolean
  readonly workload: string
  readonly protocol: string
  readonly nodes: number
  readonly seconds: number
  readonly seed: number
  readonly operations: { readonly ok: number; readonly fail: number; readonly info: number }
  /** Of all operations, those that were answered, from 0 to 1. */
  readonly availability: number
  /** Of answered operations. */
  readonly latencyMs: Quantiles
  readonly messages: {
    /** From nodes to other nodes. */
    readonly servers: number
    readonly perOperation: number
  }
  /** By kind of fault, how often it struck. */
  readonly nemesis: Readonly<Record<string, number>>
  /** What the checker of the workload counts. */
  readonly details: Readonly<Record<string, number | Quantiles>>
  readonly network: NetworkCounters & { readonly lateAnswers: number }
  readonly errors: readonly string[]
}

export interface Measured {
  readonly options: MaelstromOptions
  readonly seconds: number
  readonly history: readonly Operation[]
  readonly messages: number
  readonly network: NetworkCounters
  readonly late: number
  readonly nemesis: Readonly<Record<string, number>>
  readonly errors: readonly string[]
  readonly details: Readonly<Record<string, number | Quantiles>>
}

export function summarize(measured: Measured): MaelstromResult {
  const { options, seconds, history, messages, network, late, nemesis, errors, details } = measured
  const asked = history.filter(({ final }) => !final)
  const operations = { ok: 0, fail: 0, info: 0 }
  for (const { status } of asked) operations[status]++
  const answered = asked.filter(({ status }) => status === 'ok')
  // A run in which nobody was answered shows nothing, and must not be taken for a good one.
  const silence = answered.length === 0 ? ['no answer: no operation was answered'] : []
  const all = [...silence, ...errors]
  return {
    ok: all.length === 0,
    workload: options.workload,
    protocol: options.protocol,
    nodes: options.nodes,
    seconds: rounded(seconds, 10),
    seed: options.seed,
    operations,
    availability: asked.length === 0 ? 0 : rounded(answered.length / asked.length, 10_000),
    latencyMs: quantilesOf(answered.map(({ call, ret }) => ret - call)),
    messages: { servers: messages, perOperation: asked.length === 0 ? 0 : rounded(messages / asked.length, 100) },
    nemesis,
    details,
    network: { ...network, lateAnswers: late },
    errors: all,
  }
}

/** The table at the end. */
export function tableOf(result: MaelstromResult): string {
  const { workload, protocol, nodes, seconds, seed, operations, availability, latencyMs, messages, nemesis } = result
  const faults = Object.entries(nemesis).map(([kind, count]) => `${kind} ${count}`)
  const rows: (readonly [string, string])[] = [
    ['run', `${workload}, ${protocol}, ${nodes} ${nodes === 1 ? 'node' : 'nodes'}, ${seconds} s, seed ${seed}`],
    ['operations', `${number(operations.ok)} ok, ${number(operations.fail)} fail, ${number(operations.info)} info`],
    ['availability', `${rounded(availability * 100, 100)} %`],
    ['latency', `${quantilesText(latencyMs)} ms`],
    ['messages', `${number(messages.servers)} between nodes, ${messages.perOperation} for each operation`],
    ['nemesis', faults.length === 0 ? 'none' : faults.join(', ')],
    ...Object.entries(result.details).map(
      ([name, figure]) => [name, typeof figure === 'number' ? number(figure) : quantilesText(figure)] as const,
    ),
    ['verdict', result.ok ? 'ok' : 'wrong, or not decided:'],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const errors = result.errors.map((text) => `\n- ${text.replaceAll('\n', '\n  ')}`).join('')
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n') + errors
}

function quantilesText({ p50, p90, p99, max }: Quantiles): string {
  return `p50 ${number(p50)}, p90 ${number(p90)}, p99 ${number(p99)}, max ${number(max)}`
}

function number(figure: number): string {
  return figure.toLocaleString('en-US')
}

function rounded(figure: number, by: number): number {
  return Math.round(figure * by) / by
}
