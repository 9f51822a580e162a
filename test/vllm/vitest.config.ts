import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/vllm/**/*.test.ts'],
    // A start takes half a minute where nothing else runs, and some tests wait for three.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    // Of its half a minute a start computes on one core only; each takes 3 GiB.
    maxWorkers: 2,
  },
})
