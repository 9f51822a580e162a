import { isPossible, mayStart, type BackendContext, type Turn } from './backend-context.ts'

/** A model that is to be there also while nobody asks for it. */
export interface Warm {
  readonly model: string
  /** In words, for status and log: `kept warm until 18:00`. */
  readonly because: string
  /** Which wish this is: an operator who stops the backend has done with this one, not with the next. */
  readonly id: string
}

/** While another kept-warm model waits for its place: when one that is never idled out makes room, ms. */
const roomAfterMs = 300_000

/** What a free backend loads for nobody in particular. */
export function warmTurn(context: BackendContext): Turn | undefined {
  const { warm } = context
  if (!warm || !mayStart(context, warm.model)) return undefined
  return { name: warm.model, why: warm.because }
}

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
