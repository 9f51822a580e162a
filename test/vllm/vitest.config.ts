import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/vllm/**/*.test.ts'],
    // A start takes half a minute where nothing else runs, and some tests wait for two.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Two servers that start at the same time on two cores take longer than one after the other.
    fileParallelism: false,
  },
})
