// Type-aware rules for all TypeScript of the workspace. Formatting is biome's business, not eslint's.
import tseslint from 'typescript-eslint'

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '**/gen/**',
      'docs/api/**',
      '**/*.mjs',
      '**/*.cjs',
      '*.ts',
      'packages/*/*.ts',
      '.ci/**',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/unified-signatures': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
        { selector: 'ExportDefaultDeclaration', message: 'Use named exports.' },
      ],
    },
  },
  {
    // Nothing ambient in what must also run in a browser tab and under virtual time (DESIGN section 2).
    files: ['packages/{engine,raft,paxos,watermark,testkit}/src/**/*.ts', 'packages/store/src/kv/**/*.ts'],
    ignores: ['packages/engine/src/system.ts', 'packages/testkit/src/node/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'Node belongs into its own folder.' }] },
      ],
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'performance', 'process', 'Buffer'].map(
          (name) => ({
            name,
            message: 'Time, turns and the process come in through ports.',
          }),
        ),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Randomness comes in through the Random port.' },
        { object: 'Date', property: 'now', message: 'Time comes in through the Clock port.' },
      ],
    },
  },
  {
    files: ['**/test/**/*.ts', '**/vitest.config.ts', '**/tsup.config.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
