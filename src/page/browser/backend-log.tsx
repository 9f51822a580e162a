import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { open, Refused } from './api.ts'
import { Dialog } from './dialog.tsx'

/** As much as one wants to scroll through; the file has the rest. */
const mostCharacters = 200_000

/** What the backend itself writes, as it comes. */
export function BackendLog({ backend, onClose }: { backend: string; onClose: () => void }) {
  const text = useSignal('')
  const trouble = useSignal('')
  const end = useRef<HTMLPreElement>(null)

  useEffect(() => {
    const controller = new AbortController()
    const address = `backends/logs?backend=${encodeURIComponent(backend)}&lines=200&follow=true`
    const follow = async () => {
      const { body } = await open(address, { signal: controller.signal })
      const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const chunk = await reader?.read()
        if (!chunk || chunk.done) return
        text.value = (text.value + chunk.value).slice(-mostCharacters)
      }
    }
    follow().catch((error: unknown) => {
      if (controller.signal.aborted) return
      trouble.value = error instanceof Refused ? error.message : 'The line broke.'
    })
    return () => controller.abort()
  }, [backend])

  useEffect(() => {
    end.current?.scrollTo(0, end.current.scrollHeight)
  }, [text.value])

  return (
    <Dialog title={`Log of ${backend}`} wide onClose={onClose}>
      <pre ref={end} class="log" tabIndex={0} aria-label={`Log of ${backend}`}>
        {text.value === '' && trouble.value === '' ? 'Nothing is written yet.' : text.value}
      </pre>
      {trouble.value !== '' && <p class="trouble-text">{trouble.value}</p>}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
