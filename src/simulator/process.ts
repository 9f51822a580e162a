import { runSimulator } from './run.ts'

// The room as a program of its own: what the GPU worker is started with in the checkout.
await runSimulator(process.argv.slice(2))
