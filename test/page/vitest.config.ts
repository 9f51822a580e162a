import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/page/**/*.test.ts'],
    // The page as it is packed, by the program that is packed with it.
    env: { VLLM_CHILL_ENTRY: 'dist/vllm-chill.js' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Each file has a browser of its own.
    maxWorkers: 2,
  },
})
