// The list of mutants: each says what is wrong and still fits the code, so that none rots unseen.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { applyMutant, MutantError, parseMutant } from '../mutants/mutant.ts'
import { mutantNames } from '../mutants/workspace.ts'
import { parseArguments } from '../src/node/arguments.ts'

const DIRECTORY = fileURLToPath(new URL('../mutants/', import.meta.url))
const ROOT = join(DIRECTORY, '../../..')
const names = await mutantNames(DIRECTORY)
const load = (name: string): string => readFileSync(join(DIRECTORY, `${name}.mutant`), 'utf8')

describe('the list of mutants', () => {
  it('is long enough, and a few are fast', () => {
    expect(names.length).toBeGreaterThanOrEqual(45)
    expect(names.filter((name) => parseMutant(name, load(name)).fast).length).toBeGreaterThanOrEqual(5)
  })

  it.each(names)('%s applies to the code as it is', (name) => {
    const mutant = parseMutant(name, load(name))
    expect(mutant.checks.length > 0 || mutant.equivalent !== undefined).toBe(true)
    const changed = applyMutant(mutant, (file) => readFileSync(join(ROOT, file), 'utf8'))
    for (const [file, text] of changed) expect(text).not.toBe(readFileSync(join(ROOT, file), 'utf8'))
  })
})

describe('a check', () => {
  const checks = new Set(names.flatMap((name) => parseMutant(name, load(name)).checks))

  it.each([...checks])('%s names a tool that there is, and tests that there are', (check) => {
    const [tool, ...rest] = check.split(' ')
    expect(['vitest', 'sim']).toContain(tool)
    if (tool === 'vitest') expect(rest.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    else expect(() => parseArguments(rest)).not.toThrow()
  })
})

describe('a mutant', () => {
  const text = 'what: wrong\nlaw: one\ncheck: vitest x\nfile: a.ts\n@@\n one\n-two\n+three\n'

  it('replaces its old lines', () => {
    expect(applyMutant(parseMutant('m', text), () => 'zero\none\ntwo\nend\n').get('a.ts')).toBe(
      'zero\none\nthree\nend\n',
    )
  })

  it('is stale when its old lines are gone, or there twice', () => {
    const mutant = parseMutant('m', text)
    expect(() => applyMutant(mutant, () => 'zero\none\n2\nend\n')).toThrow(MutantError)
    expect(() => applyMutant(mutant, () => 'zero\none\ntwo\nend\none\ntwo\nend\n')).toThrow('are there 2 times')
  })

  it('is refused when it says too little, or nothing that makes sense', () => {
    expect(() => parseMutant('m', text.replace('law: one\n', ''))).toThrow('"law"')
    expect(() => parseMutant('m', 'what: w\nlaw: l\n')).toThrow('changes nothing')
    expect(() => parseMutant('m', text.replace('three', 'two'))).toThrow('changes nothing')
    expect(() => parseMutant('m', text.replace('file: a.ts\n', ''))).toThrow('without a file')
    expect(() => parseMutant('m', `nonsense\n${text}`)).toThrow('line 1')
  })
})
