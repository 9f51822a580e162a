import type { BackendContext } from './backend-context.ts'
import { isPossible, mayStart } from './turns.ts'

/** While another kept-warm model waits for its place: when one that is never idled out makes room, ms. */
const roomAfterMs = 300_000

/** Whether what it has is kept for its own sake. */
export function isKeptWarm({ warm, model }: Pick<BackendContext, 'warm' | 'model'>): boolean {
  return warm !== undefined && warm.model === model?.name
}

/** How long it stays without a request, ms; undefined: until somebody asks for another model. */
export function idleAfterMs(context: BackendContext): number | undefined {
  const { settings, model, warm } = context
  if (isKeptWarm(context)) return undefined
  const timeoutMs = settings.idleTimeoutMs ?? model?.idleTimeoutMs ?? 0
  if (warm && isPossible(context, warm.model)) return timeoutMs || roomAfterMs
  return settings.minIdleReplicas === 1 ? undefined : timeoutMs || undefined
}

/** Nobody's place is taken for a model that cannot come. */
export function makesRoom(context: BackendContext): boolean {
  const { warm } = context
  if (idleAfterMs({ ...context, warm: undefined }) !== undefined) return true
  return warm !== undefined && mayStart(context, warm.model)
}
