// The watermark: streams that are recorded one after the other, and the least of their bounds.

import { WatermarkTracker } from '../../../packages/watermark/src/tracker.ts'
import { type MicroCase, microCase, repeat } from './case.ts'

const ROUNDS = 64

function advanceCase(streams: number): MicroCase {
  return microCase({
    name: `watermark-${streams}`,
    about: `raise the bounds of ${streams} streams, one batch each`,
    unit: 'batches/s',
    run: (seconds) => {
      const tracker = new WatermarkTracker(streams)
      let stamp = 0
      return repeat(seconds, ROUNDS * streams, () => {
        for (let round = 0; round < ROUNDS; round++) {
          stamp++
          for (let stream = 0; stream < streams; stream++) tracker.raise(stream, stamp)
        }
        if (tracker.watermark !== stamp) throw new Error('The watermark is not the least of the bounds.')
      })
    },
  })
}

export const watermarkCases: readonly MicroCase[] = [4, 16].map(advanceCase)
