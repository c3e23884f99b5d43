// Where a node keeps its log: in memory, or in a directory (needs Node.js).
//
// Always true: both stores keep the promises of `LogStore` in `@mako/engine`, and pass the same suite of tests.

export { type MemoryDisk, memoryDisk, memoryLog } from './memory.ts'
export { type FileLogOptions, openFileLog } from './file/store.ts'
export type { LogFile, LogFiles, Unlock } from './file/files.ts'
