/**
 * What a node keeps: the log (`@mako/store/log`) and transactional key-values (`@mako/store/kv`).
 *
 * @packageDocumentation
 */

export {
  type FileLogOptions,
  type LogFile,
  type LogFiles,
  type MemoryDisk,
  memoryDisk,
  memoryLog,
  openFileLog,
  type Unlock,
} from './log/index.ts'
export * from './kv/index.ts'
