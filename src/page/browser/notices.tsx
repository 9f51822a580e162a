import { signal } from '@preact/signals'

interface Notice {
  readonly id: number
  readonly text: string
  readonly isTrouble: boolean
}

const notices = signal<readonly Notice[]>([])
let next = 0

/** Said once, at the lower edge; trouble stays until it is closed. */
export function say(text: string, isTrouble = false): void {
  const id = next++
  notices.value = [...notices.value.slice(-3), { id, text, isTrouble }]
  if (!isTrouble) setTimeout(() => dismiss(id), 6_000)
}

function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id)
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, isTrouble }) => (
        <div key={id} class={isTrouble ? 'notice trouble' : 'notice'}>
          <span>{text}</span>
          <button type="button" class="plain" aria-label="Close" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  )
}
