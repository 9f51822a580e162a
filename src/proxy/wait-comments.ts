import type { Admission, WaitProgress } from '../admission/index.ts'
import type { Answer } from './answer.ts'
import type { ProxySettings } from './types.ts'

/**
 * While a stream waits in the gate, comments tell the client, and every proxy between, that the line
 * is alive. SDKs ignore them. Returns the way to stop.
 */
export function startComments(
  answer: Answer,
  admission: Admission,
  model: string,
  settings: ProxySettings,
): () => void {
  let timer = setTimeout(tell, settings.progressAfterMs)
  function tell(): void {
    answer.comment(describe(admission.progress(model)))
    timer = setTimeout(tell, settings.progressEveryMs)
  }
  return () => clearTimeout(timer)
}

/** Such as `scalingUp 34 s of ~48 s, 2 ahead`. */
export function describe(progress: WaitProgress): string {
  const usual = progress.usualMs === undefined ? '' : ` of ~${seconds(progress.usualMs)} s`
  const ahead = progress.ahead > 0 ? `, ${progress.ahead} ahead` : ''
  return `${progress.state} ${seconds(progress.elapsedMs)} s${usual}${ahead}`
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
