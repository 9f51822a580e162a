import { signal } from '@preact/signals'
import { Dialog } from './dialog.tsx'

interface Question {
  readonly title: string
  /** What happens then, a paragraph each. */
  readonly says: readonly string[]
  /** The word on the button that does it. */
  readonly yes: string
  readonly answer: (isYes: boolean) => void
}

const question = signal<Question | undefined>(undefined)

/** Resolves with whether the operator wants it. */
export function ask(asked: Omit<Question, 'answer'>): Promise<boolean> {
  question.value?.answer(false)
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      answer: (isYes) => {
        question.value = undefined
        resolve(isYes)
      },
    }
  })
}

export function Questions() {
  const asked = question.value
  if (!asked) return null
  const { title, says, yes, answer } = asked
  return (
    <Dialog key={title} title={title} onClose={() => answer(false)}>
      {says.map((text) => (
        <p key={text}>{text}</p>
      ))}
      <div class="buttons">
        <button type="button" onClick={() => answer(false)}>
          Leave it
        </button>
        <button type="button" class="danger" onClick={() => answer(true)}>
          {yes}
        </button>
      </div>
    </Dialog>
  )
}
