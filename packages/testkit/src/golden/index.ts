// Golden scripts: stories about cores as text, each command followed by exactly what came of it.
// Always true: nothing here reads or writes files. README.md in this folder has the commands.

export { coreCommands } from './commands/index.ts'
export type { GoldenProtocolOptions, GoldenSetup } from './cluster.ts'
export { GoldenCommand } from './command.ts'
export { blocksText, blockText, spanText, type Describe } from './describe.ts'
export { GoldenMismatchError, runGolden, type GoldenHandler, type GoldenHandlers, type GoldenOptions } from './run.ts'
