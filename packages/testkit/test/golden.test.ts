// Golden scripts themselves: what they accept, what they refuse, and that they notice what has changed.

import { raft, type RaftMessage } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { coreCommands, GoldenMismatchError, runGolden, type GoldenHandlers } from '../src/golden/index.ts'

/** `say words=(a,b)` prints a line for each word; `input` what it was given. */
const handlers: GoldenHandlers = new Map([
  ['say', (command) => command.list('words').join('\n')],
  ['input', (command) => command.input.join('|')],
  ['blank', () => 'one\n\ntwo'],
  ['fence', () => '----\n----'],
])

function cluster(): GoldenHandlers {
  return coreCommands<RaftMessage>({
    protocol: (options) => raft(options),
    describe: { message: ({ type, term }) => `${type} ${term}`, state: () => 'state' },
  })
}

/** A script of these commands, with whatever they print. */
function play(...commands: readonly string[]): string {
  const script = commands.map((command) => `${command}\n----\n`).join('\n')
  return runGolden(script, cluster(), { update: true })
}

describe('a golden script', () => {
  it('is the same text when nothing has changed, comments and blank lines included', () => {
    const text = [
      '# A comment.',
      '',
      '',
      'say words=(a,b)',
      '----',
      'a',
      'b',
      '',
      '# Another one.',
      'input',
      'line 1',
      '',
      'line 3',
      '----',
      'line 1||line 3',
      '',
      'blank',
      '----',
      '----',
      'one',
      '',
      'two',
      '----',
      '----',
      'say words=c',
      '----',
      'c',
    ].join('\n')
    expect(runGolden(text, handlers)).toBe(text)
    expect(runGolden(text, handlers, { update: true })).toBe(text)
    expect(runGolden(`${text}\n`, handlers)).toBe(`${text}\n`)
  })

  it('prints ok for a command that prints nothing', () => {
    expect(runGolden('say\n----\n', handlers, { update: true })).toBe('say\n----\nok\n')
  })

  it('fails where a command prints something else, with both texts', () => {
    const text = 'say words=a\n----\na\n\nsay words=(b,c)\n----\nb\nd\n'
    let error: unknown
    try {
      runGolden(text, handlers)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(GoldenMismatchError)
    expect(error).toMatchObject({ line: 5, expected: 'b\nd', actual: 'b\nc' })
    expect(runGolden(text, handlers, { update: true })).toBe('say words=a\n----\na\n\nsay words=(b,c)\n----\nb\nc\n')
  })

  it('notices output that is missing, and output that is too much', () => {
    expect(() => runGolden('say words=(a,b)\n----\na\n', handlers)).toThrow(GoldenMismatchError)
    expect(() => runGolden('say words=a\n----\na\nb\n', handlers)).toThrow(GoldenMismatchError)
    expect(() => runGolden('say words=a\n----\n', handlers)).toThrow(GoldenMismatchError)
  })

  it('gives output with blank lines a double fence when it is rewritten', () => {
    const text = runGolden('blank\n----\n', handlers, { update: true })
    expect(text).toBe('blank\n----\n----\none\n\ntwo\n----\n----\n')
    expect(runGolden(text, handlers)).toBe(text)
  })

  it.each([
    ['say words=a', 'line 1: "say words=a" has no ----'],
    ['\nblank\n----\n----\none', 'line 2: the output of "blank" has no end'],
    ['say words\n----\n', 'line 1: say: "words" is neither key=value'],
    ['say words=(a\n----\n', 'line 1: say: "words=(a" is neither key=value'],
    ['say words=(a,)\n----\n', 'line 1: say: "words" has an empty value'],
    ['say words=a words=b\n----\n', 'line 1: say: "words" is given twice'],
    ['say wrods=a\n----\n', 'line 1: say: "wrods" is no argument of say'],
    ['sing words=a\n----\n', 'line 1: sing: no such command; there is: say, input, blank, fence'],
    ['!\n----\n', 'line 1: "!" is no command'],
    ['fence\n----\n', 'line 1: the output has a double fence'],
  ])('is refused with the line and the reason: %j', (text, reason) => {
    expect(() => runGolden(text, handlers, { update: true })).toThrow(reason)
  })
})

describe('the commands', () => {
  it('print the same for the same script', () => {
    const script = ['add-nodes n=3 seed=7', 'run ms=2000', 'propose node=a entries=(x,y)', 'status', 'log', 'messages']
    expect(play(...script)).toBe(play(...script))
    expect(play('add-nodes n=3 seed=7', 'run ms=2000')).not.toBe(play('add-nodes n=3 seed=8', 'run ms=2000'))
  })

  it.each([
    [['add-nodes n=0'], '"n" must be 1 to 26'],
    [['add-nodes n=3 pre-vote=maybe'], 'preVote must be true or false'],
    [['add-nodes n=3 quorum=2'], '"quorum" is not an option'],
    [['add-nodes n=3 tail-bytes=lots'], '"tail-bytes" must be a whole number'],
    [['add-nodes n=3', 'add-nodes n=3'], 'there already'],
    [['campaign node=a'], 'There is no node a'],
    [['add-nodes n=3', 'campaign'], '"node" is missing'],
    [['add-nodes n=3', 'campaign node=d'], 'There is no node d'],
    [['add-nodes n=3', 'campaign node=(a,b)'], '"node" takes one value'],
    [['add-nodes n=3', 'tick ms=15'], '"ms" must be a multiple of 10'],
    [['add-nodes n=3', 'propose node=a'], '"entries" is missing'],
    [['add-nodes n=3', 'crash node=a keep=some'], '"keep" must be one of durable, all'],
    [['add-nodes n=3', 'crash node=a keep=all', 'crash node=a keep=all'], 'a is down already'],
    [['add-nodes n=3', 'restart node=a'], 'a runs'],
    [['add-nodes n=3', 'partition'], 'there is no group'],
    [['add-nodes n=3', 'partition one=(a,b) two=(b,c)'], 'a node is in two groups'],
    [['add-nodes n=3', 'deliver from=d'], 'There is no node d'],
    [['add-nodes n=3', 'heal now=yes'], '"now" is no argument'],
  ])('refuse %j', (script, reason) => {
    expect(() => play(...script)).toThrow(reason)
  })

  it('say when there is nothing to do', () => {
    const text = play('add-nodes n=1', 'durable node=a', 'read node=a', 'drop', 'crash node=a keep=all', 'status')
    expect(text.split('\n').filter((line) => line !== '' && line !== '----')).toEqual([
      'add-nodes n=1',
      'ok',
      'durable node=a',
      'a has nothing to write',
      'read node=a',
      'a reads nothing',
      'drop',
      'nothing of that kind is on its way',
      'crash node=a keep=all',
      'a crashes',
      'status',
      'a is down',
    ])
  })

  it('lose in a crash what is not durable, and keep it when it has reached the disk', () => {
    const before = ['add-nodes n=1', 'tick ms=10', 'durable node=a', 'durable node=a', 'propose node=a entries=(x)']
    const lost = play(...before, 'crash node=a keep=durable', 'restart node=a', 'log')
    const kept = play(...before, 'crash node=a keep=all', 'restart node=a', 'log')
    expect(lost).toContain('loses write 3: block 2/1 x')
    expect(lost).toMatch(/1\/1 noop\n?$/)
    expect(kept).toContain('keeps, unheard, write 3: block 2/1 x')
    expect(kept).toMatch(/1\/1 noop, 2\/1 x\n?$/)
  })

  it('fail over a core that breaks a law', () => {
    const broken = coreCommands<RaftMessage>({
      describe: { message: ({ type }) => type, state: () => 'state' },
      protocol: (options) => {
        const protocol = raft(options)
        return {
          ...protocol,
          // Commits whatever it has.
          createCore: (core) => {
            const made = protocol.createCore(core)
            return {
              step: (input) => made.step(input),
              admit: () => made.admit(),
              propose: (block) => made.propose(block),
              takeOutput: () => ({ ...made.takeOutput(), commit: made.status().lastIndex }),
              blockAt: (index) => made.blockAt(index),
              status: () => made.status(),
            }
          },
        }
      },
    })
    const script = [
      'add-nodes n=3 pre-vote=false check-quorum=false',
      'campaign node=a',
      'stabilize',
      'partition one=(a) two=(b,c)',
      'propose node=a entries=(x)',
      'tick ms=500 nodes=(b,c)',
      'campaign node=b',
      'stabilize',
    ]
    const text = script.map((command) => `${command}\n----\n`).join('\n')
    expect(() => runGolden(text, broken, { update: true })).toThrow(
      /at 2, "noop .*" is committed on b and "x .*" elsewhere/,
    )
  })
})
