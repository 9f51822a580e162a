export { optimum } from './optimum.ts'
export { exponential, seeded } from './random.ts'
export { simulate, type Arrival, type Outcome, type Workload } from './simulation.ts'
