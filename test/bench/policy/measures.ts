import type { SwitchPolicyName } from '../../../machines/index.ts'
import { optimum, simulate, type Outcome, type Workload } from '../../../src/planning/index.ts'
import { smallInstance, workloads } from './workloads.ts'

export const policies = ['fair', 'fifo', 'sticky'] as const satisfies readonly SwitchPolicyName[]

export interface Result {
  readonly workload: Workload
  readonly outcomes: readonly Outcome[]
}

export async function playWorkloads(played = workloads): Promise<Result[]> {
  const results: Result[] = []
  for (const workload of played) {
    const outcomes: Outcome[] = []
    for (const policy of policies) outcomes.push(await simulate(workload, policy))
    results.push({ workload, outcomes })
  }
  return results
}

/** Of one small instance: each policy's cost as a multiple of the optimum's. */
export interface Ratio {
  readonly seed: number
  readonly policy: SwitchPolicyName
  readonly ratio: number
}

/** The published instances are those of the seeds 1 to `count`. */
export async function compareWithOptimum(
  count = 500,
  compared: readonly SwitchPolicyName[] = policies,
): Promise<Ratio[]> {
  const ratios: Ratio[] = []
  for (let seed = 1; seed <= count; seed++) {
    const instance = smallInstance(seed)
    const best = optimum(instance)
    for (const policy of compared) {
      const { costMs } = await simulate(instance, policy)
      ratios.push({ seed, policy, ratio: costMs / best })
    }
  }
  return ratios
}

/** Seconds within which the share `part` of the requests got their place. */
export function waitSeconds({ waits }: Outcome, part: number, model?: string): number {
  const sorted = waits
    .filter((each) => model === undefined || each.model === model)
    .map(({ waitedMs }) => waitedMs / 1_000)
    .sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

export function finished({ waits }: Outcome): number {
  return waits.filter((each) => each.finished).length
}
