import type { SimulatorOptions } from './arguments.ts'

type Wanted = Pick<SimulatorOptions, 'errorRate' | 'dieAfterChunks' | 'dieAfterRequests'>

export interface Faults {
  /** Whether the request that just came is one of those that fail. */
  failsNow(): boolean
  /** Counts an event about to be streamed; true when the process must die right after it. */
  isLastChunk(): boolean
  /** Counts an answered inference request; true when the process must die now. */
  isLastRequest(): boolean
}

export function createFaults({ errorRate, dieAfterChunks, dieAfterRequests }: Wanted): Faults {
  let arrived = 0
  let chunks = 0
  let answered = 0
  return {
    // Spread evenly instead of drawn, so that a test with a rate of 0.25 sees every fourth fail.
    failsNow() {
      const before = Math.floor(arrived * errorRate)
      arrived += 1
      return Math.floor(arrived * errorRate) > before
    },
    isLastChunk() {
      chunks += 1
      return chunks === dieAfterChunks
    },
    isLastRequest() {
      answered += 1
      return answered === dieAfterRequests
    },
  }
}
