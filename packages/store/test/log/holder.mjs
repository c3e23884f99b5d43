// Holds the log in the directory given to it until it is killed; says so on standard output.
import { register } from 'tsx/esm/api'

register()
const { openFileLog } = await import('../../src/log/index.ts')
const [directory, appends] = process.argv.slice(2)
try {
  const log = await openFileLog(directory, { segmentBytes: 65536 })
  const { incarnation, partitions } = await log.recover({ clusterId: 'orders', nodeId: 'a', partitions: [0] })
  const { encodeBlock } = await import('@mako/engine')
  let index = partitions.get(0).blocks.reduce((last, span) => Math.max(last, span.index), 0)
  console.log(`holds ${incarnation} ${index}`)
  while (appends === 'append') {
    index++
    const payload = new Uint8Array(1 + (index % 2000)).fill(index)
    const block = encodeBlock({ index, term: 1 }, { node: 'a', incarnation, sequence: index }, [
      { kind: 'data', payload },
    ])
    await log.append([{ type: 'block', partition: 0, block, truncate: true }])
    console.log(`acked ${index}`)
  }
  setInterval(() => undefined, 1000)
} catch (error) {
  console.log(`error ${error.code} ${error.message}`)
}
