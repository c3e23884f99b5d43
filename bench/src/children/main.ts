// What a child runs first: the program that its parent has named, with the options that it was given.

import { databaseNode, type DatabaseNodeOptions } from './database-node.ts'
import { echo, type EchoOptions } from './echo.ts'
import { engineNode, type EngineNodeOptions } from './engine-node.ts'
import { microRunner } from './micro-runner.ts'
import { trio, type TrioOptions } from './trio.ts'

const [program, json = '{}'] = process.argv.slice(2)
const options: unknown = JSON.parse(json)

// Whatever it is doing: nobody is left to tell.
process.on('disconnect', () => process.exit(0))

// A rejection ends this process with its reason on stderr, and the parent sees it end.
switch (program) {
  case 'engine-node':
    await engineNode(options as EngineNodeOptions)
    break
  case 'trio':
    await trio(options as TrioOptions)
    break
  case 'database-node':
    await databaseNode(options as DatabaseNodeOptions)
    break
  case 'micro-runner':
    microRunner()
    break
  case 'echo':
    await echo(options as EchoOptions)
    break
  default:
    throw new Error(`There is no program "${program ?? ''}".`)
}
