import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,integration}/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['machines/**/*.ts', 'src/**/*.ts'],
      // The bin is two lines that only a real process runs; test/integration/package does.
      exclude: ['src/cli/vllm-chill.ts'],
      reporter: [['text', { skipFull: true }], 'text-summary', 'json-summary'],
      thresholds: {
        'machines/**/*.ts': { lines: 95 },
        'src/**/*.ts': { lines: 90 },
      },
    },
  },
})
