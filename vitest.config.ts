import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages,examples}/*/test/**/*.test.ts', '{bench,docs}/test/**/*.test.ts'],
    reporters: ['default', './.ci/summary-reporter.ts'],
    testTimeout: 30_000,
  },
})
