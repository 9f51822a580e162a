import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { duration } from './words.ts'

/** Counts up until the first token, with what the proxy tells of the way there. */
export function Waiting({
  running: { began, words },
}: {
  running: { began: number; words: string }
}) {
  const ms = useSignal(0)
  useEffect(() => {
    const timer = setInterval(() => (ms.value = performance.now() - began), 100)
    return () => clearInterval(timer)
  }, [began])
  return (
    <p class="waiting">
      <span class="dot" aria-hidden="true" />
      waiting {duration(ms.value)} <span class="faint">{words}</span>
    </p>
  )
}
