/**
 * Messages between processes, over TCP.
 *
 * @packageDocumentation
 */

export { tcpTransport } from './transport.ts'
export type { TcpTransportOptions } from './options.ts'
export type { RefuseReason } from './connection.ts'
export type { FrameFault } from './frame.ts'
export type { HelloFault } from './hello.ts'
