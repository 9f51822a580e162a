import { now } from './clock.ts'
import { load } from './commands.ts'
import type { StartFailure } from './wire.ts'
import { adviceFor, counted, elapsed, timeOfDay } from './words.ts'

interface FailureNoteProps {
  readonly failure: StartFailure
  /** When `retryInMs` was so, the server's ms. */
  readonly seenAt: number
}

/** Why a model does not start, in full, and what to do. */
export function FailureNote({ failure, seenAt }: FailureNoteProps) {
  const { model, reason, message, log, attempts, at, retryInMs } = failure
  const pauseMs = retryInMs - Math.max(0, now.value - seenAt)
  return (
    <div class="failure" role="group" aria-label={`${model} failed to start`}>
      <p class="what">
        <strong>{model} failed to start</strong> <code>{reason}</code>
      </p>
      <p class="message">{message}</p>
      <p class="advice">{adviceFor(reason)}</p>
      {log.length > 0 && (
        <details>
          <summary>Last {counted(log.length, 'line')} of its log</summary>
          <pre tabIndex={0}>{log.join('\n')}</pre>
        </details>
      )}
      <div class="foot">
        <span class="faint">
          {attempts === 1 ? 'once' : `${attempts} times in a row`}, last at {timeOfDay(at)} ·{' '}
          {pauseMs > 0
            ? `requests are refused for ${elapsed(pauseMs + 999)}`
            : 'the next request tries again'}
        </span>
        <button type="button" onClick={() => void load(model)}>
          Try now
        </button>
      </div>
    </div>
  )
}
