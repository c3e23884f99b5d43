// Rounds that alternate, and what becomes of what fails.

import { describe, expect, it } from 'vitest'
import type { Cell, Stage, Subject } from '../src/cell.ts'
import { estimateSeconds, type RunObserver, runStages } from '../src/run.ts'
import type { System } from '../src/system.ts'
import { presence } from '../src/systems/present.ts'
import { fakeCell, fakeSubject } from './fakes.ts'

const stage = (...cells: Cell[]): Stage => ({ cells, setupSeconds: 5 })

function observer(): RunObserver & { readonly seen: string[] } {
  const seen: string[] = []
  return {
    seen,
    stage: (cells) => seen.push(`stage of ${cells.length}`),
    measuring: ({ system }, round) => seen.push(`${system} ${round}`),
    failed: (message, isFatal) => seen.push(`${isFatal ? 'fatal' : 'noted'}: ${message}`),
  }
}

describe('a run', () => {
  it('alternates, forwards and backwards, and measures an equal share in each round', async () => {
    const seconds: number[] = []
    const measured = fakeCell({ system: 'b' })
    const b: Cell = {
      ...measured,
      measure: (share) => {
        seconds.push(share)
        return measured.measure(share)
      },
    }
    const watch = observer()
    await runStages([stage(fakeCell({ system: 'a' }), b)], { rounds: 3, seconds: 6 }, watch)
    expect(watch.seen).toEqual(['stage of 2', 'a 0', 'b 0', 'b 1', 'a 1', 'a 2', 'b 2'])
    expect(seconds).toEqual([2, 2, 2])
  })

  it('opens and closes each subject once, stage by stage', async () => {
    const subject = fakeSubject('s')
    const later = fakeSubject('later')
    const check = fakeCell({ system: 'a', subject })
    const cells = [check, fakeCell({ system: 'b', subject })]
    await runStages([stage(...cells), stage(fakeCell({ subject: later }))], { rounds: 2, seconds: 1 }, observer())
    expect(subject.calls).toEqual(['open', 'warm up', 'close'])
    expect(later.calls).toEqual(['open', 'warm up', 'close'])
  })

  it('warms up one after the other, when all are there, and longer than it measures', async () => {
    const seen: string[] = []
    const subject = (title: string): Subject => ({
      ...fakeSubject(title),
      open: () => Promise.resolve(void seen.push(`${title} is open`)),
      warmUp: async (seconds) => {
        seen.push(`${title} works for ${seconds} s`)
        await Promise.resolve()
        seen.push(`${title} is warm`)
      },
    })
    const cells = ['a', 'b'].map((title) => fakeCell({ subject: subject(title) }))
    await runStages([stage(...cells)], { rounds: 1, seconds: 0.25 }, observer())
    expect(seen).toEqual(['a is open', 'b is open', 'a works for 2 s', 'a is warm', 'b works for 2 s', 'b is warm'])
  })

  it('begins anew with who fails, leaves it out when it fails again, and goes on with the others', async () => {
    const peer = fakeSubject('a peer', false)
    const watch = observer()
    const results = await runStages(
      [
        stage(
          fakeCell({ system: 'ours' }, [1, 2, 3]),
          fakeCell({ system: 'peer', subject: peer }, ['it hangs', 20, 30]),
          fakeCell({ system: 'peer', bytes: 1024, subject: peer }, [100, 'it hangs', 300]),
        ),
      ],
      { rounds: 3, seconds: 1 },
      watch,
    )
    expect(results.map(({ samples }) => samples.map((each) => each?.rate))).toEqual([
      [1, 2, 3],
      [undefined, undefined, undefined],
      [100, undefined, undefined],
    ])
    expect(watch.seen.filter((each) => each.includes('failed'))).toEqual([
      'noted: a peer has failed in group/what/64/100/peer and begins anew: it hangs',
      'noted: a peer has failed in group/what/64/1024/peer and is left out from there on: it hangs',
    ])
    expect(peer.calls).toEqual(['open', 'warm up', 'close', 'open', 'warm up', 'close'])
  })

  it('says that it has failed when one of ours is given up', async () => {
    const watch = observer()
    const ours = fakeCell({ system: 'ours', subject: fakeSubject('ours') }, ['no leader\n at line 1', 'no leader'])
    await runStages([stage(ours)], { rounds: 2, seconds: 1 }, watch)
    expect(watch.seen.filter((each) => each.includes('failed'))).toEqual([
      'noted: ours has failed in group/what/64/100/ours and begins anew: no leader',
      'fatal: ours has failed in group/what/64/100/ours and is left out from there on: no leader',
    ])
  })

  it('goes on without who cannot be started, and closes it all the same', async () => {
    const calls: string[] = []
    const subject = {
      title: 'broken',
      isOurs: true,
      open: () => {
        calls.push('open')
        return Promise.reject(new Error('no disk'))
      },
      close: () => Promise.resolve(void calls.push('close')),
    }
    const watch = observer()
    const results = await runStages(
      [stage(fakeCell({ subject }), fakeCell({ system: 'b' }))],
      { rounds: 1, seconds: 1 },
      watch,
    )
    expect(results.map(({ samples }) => samples[0]?.rate)).toEqual([undefined, 1])
    expect(watch.seen).toContain('fatal: broken has failed at its start and is left out from there on: no disk')
    expect(calls).toEqual(['open', 'close', 'open', 'close'])
  })

  it('is estimated', () => {
    expect(estimateSeconds([stage(fakeCell({}), fakeCell({}))], { rounds: 3, seconds: 4 })).toBe(
      5 + 2 * (4 * 1.25 + 3 + 5),
    )
  })
})

describe('peers', () => {
  const system = (name: string, missing: string | undefined): System => ({
    name,
    kind: 'server',
    title: name,
    shape: 'as it is',
    setups: ['disk'],
    missing: () => Promise.resolve(missing),
    start: () => Promise.reject(new Error('not to be started')),
  })

  it('that are not installed are left out with a line each', async () => {
    const [there, etcd, redis] = [
      system('nats', undefined),
      system('etcd', 'apt-get install etcd-server'),
      system('redis', 'apt-get install redis-server'),
    ]
    expect(await presence([etcd, there, redis])).toEqual({
      present: [there],
      notes: ['etcd is left out: apt-get install etcd-server', 'redis is left out: apt-get install redis-server'],
    })
  })
})
