import type { BackendContext, Models } from './backend-context.ts'
import { StartError } from './driver.ts'
import type { RememberedFailure, Sight, StartFailure } from './types.ts'

/** 1 s · 2ⁿ up to the maximum, counted in failed starts in a row. */
export function remember(context: BackendContext, failure: StartFailure): RememberedFailure {
  const { model, failures, settings, now } = context
  const name = model?.name ?? '(none)'
  const attempts = (failures[name]?.attempts ?? 0) + 1
  const pauseMs = Math.min(settings.backoffMs * 2 ** (attempts - 1), settings.maxBackoffMs)
  return { ...failure, model: name, attempts, at: now(), retryAt: now() + pauseMs }
}

/** The driver's refusals as failures that are remembered until it takes them back. */
export function rememberRefusals(
  { refusals, settings, now }: BackendContext,
  seen: Sight['refusals'],
): BackendContext['refusals'] {
  return Object.fromEntries(
    Object.entries(seen).map(([model, failure]) => {
      const known = refusals[model]
      if (known?.message === failure.message) return [model, known]
      const at = now()
      return [model, { ...failure, model, attempts: 0, at, retryAt: at + settings.maxBackoffMs }]
    }),
  )
}

/** What a driver threw, as a failure with a reason. */
export function failureOf(error: unknown): StartFailure {
  if (error instanceof StartError) return error.failure
  return { reason: 'unknown', message: error instanceof Error ? error.message : String(error) }
}

/** Failures of models that changed or went are forgotten: the next try may work. */
export function forgetChanged(context: BackendContext, models: Models): BackendContext['failures'] {
  return Object.fromEntries(
    Object.entries(context.failures).filter(
      ([name]) => models[name] && models[name].revision === context.models[name]?.revision,
    ),
  )
}
