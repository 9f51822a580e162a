import { isDeepStrictEqual } from 'node:util'
import type { Known } from './follow-manifests.ts'
import type { CatalogueProblem } from './types.ts'

/** Who hears of what has changed, one thing at a time. */
export interface ChangeListeners {
  /** Called once for each problem when it appears. */
  readonly onProblem?: (problem: CatalogueProblem) => void
  readonly log?: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
}

export function tellChanges(before: Known, next: Known, { log, onProblem }: ChangeListeners): void {
  const old = new Map(before.models.map((model) => [model.name, model]))
  for (const model of next.models) {
    const was = old.get(model.name)
    old.delete(model.name)
    if (was === model) continue
    const fields = { model: model.name, source: model.source }
    log?.info(fields, was === undefined ? 'model added' : 'model changed')
  }
  for (const { name, source } of old.values()) log?.info({ model: name, source }, 'model removed')
  for (const problem of next.problems.filter(isNotIn(before.problems))) {
    log?.warn({ source: problem.source }, `manifest not used: ${problem.message}`)
    onProblem?.(problem)
  }
  for (const { source } of before.problems.filter(isNotIn(next.problems))) {
    log?.info({ source }, 'manifest problem gone')
  }
}

function isNotIn(some: readonly CatalogueProblem[]): (problem: CatalogueProblem) => boolean {
  return (problem) => !some.some((other) => isDeepStrictEqual(other, problem))
}
