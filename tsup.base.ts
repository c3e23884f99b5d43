// The one build of every package: ESM, CJS and types from the sources, each named entry one subpath.
import type { Options } from 'tsup'

export function packageBuild(entry: Record<string, string>): Options {
  return {
    entry,
    format: ['esm', 'cjs'],
    dts: true,
    sourcemap: true,
    clean: true,
    target: 'node20',
    splitting: false,
    shims: true,
  }
}
