import { claimsOf, holdersOf, type Holder } from '../../machines/index.ts'
import type { PoolContext } from './backends.ts'

/** What a backend waits for that needs GPUs which others hold. */
export interface GpuWait {
  /** `waiting for 1 GPU of pool main: gpu1 (busy with 3 requests), gpu2 (pinned)`. */
  readonly detail: string
  /** Clock, ms. */
  readonly since: number
}

export function gpuWaitOf(backend: string, pool: PoolContext): GpuWait | undefined {
  const claim = claimsOf(pool).find((each) => each.backend === backend)
  if (!claim || claim.kind === 'short' || claim.kind === 'spare') return undefined
  const holders = holdersOf(pool)
  const number = claim.gpus === 1 ? '1 GPU' : `${claim.gpus} GPUs`
  const who = holders.map((each) => `${each.backend} (${holderWords(each, pool)})`).join(', ')
  return {
    since: claim.since,
    detail: `waiting for ${number} of pool ${pool.pool.name}: ${who || 'it has none to give yet'}`,
  }
}

function holderWords(holder: Holder, { share }: PoolContext): string {
  const { stage, leases, waiting, pinned } = holder
  const requests = leases + waiting
  const busy = requests === 1 ? '1 request' : `${requests} requests`
  if (stage === 'leaving') return 'going down'
  if (stage === 'draining') return leases > 0 ? `draining ${leases}` : 'going down'
  if (pinned) return 'pinned'
  if (stage === 'starting') return 'starting'
  if (stage === 'switching') return 'switching'
  if (requests > 0) return `busy with ${busy}`
  return share.room[holder.backend] === undefined ? 'not used' : 'not used, makes room'
}
