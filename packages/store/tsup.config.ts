import { defineConfig } from 'tsup'
import { packageBuild } from '../../tsup.base.ts'

export default defineConfig(packageBuild({ index: 'src/index.ts', log: 'src/log/index.ts', kv: 'src/kv/index.ts' }))
