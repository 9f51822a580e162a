import type { AnswerCopy } from '../../proxy/index.ts'
import type { Log } from '../../telemetry/index.ts'

/** Only with `logOutput`. The name of the field is none that the log's censor takes out. */
export function logAnswer(log: Log, { id, model, route, text, isWhole }: AnswerCopy): void {
  const much = isWhole ? '' : ', cut to its beginning'
  log.info({ id, model, route, isWhole, output: text }, `answer of ${model}${much}`)
}

export function warnOfAnswers(log: Log): void {
  log.warn(
    { logOutput: true },
    'logOutput is on: what models answer is written to this log, where whoever reads the log can read it; turn it off with --log-output=false (LOG_OUTPUT=false)',
  )
}
