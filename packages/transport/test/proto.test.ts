// The generated code is what the schema says.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

it('has generated code that is fresh', async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: { proto: string } }
  const folder = await mkdtemp(join(tmpdir(), 'mako-proto-'))
  try {
    const command = scripts.proto.replaceAll('src/gen', folder)
    const path = `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`
    await promisify(execFile)('sh', ['-c', command], { cwd: root, env: { ...process.env, PATH: path } })
    for (const file of ['transport.js', 'transport.d.ts']) {
      expect(await readFile(join(folder, file), 'utf8')).toBe(await readFile(join(root, 'src/gen', file), 'utf8'))
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
