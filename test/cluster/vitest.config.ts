import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    globalSetup: ['test/cluster/rights.ts'],
    include: ['test/cluster/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 90_000,
    // Each file has a control plane of its own, and four of them starve two cores.
    maxWorkers: 2,
  },
})
