import { useSignal } from '@preact/signals'
import { Dialog } from './dialog.tsx'
import { rememberToken, token, tokenWanted } from './token.ts'

/** Asked for when the program refuses to tell anything without it. */
export function TokenDialog() {
  const given = useSignal('')
  if (!tokenWanted.value) return null
  const wasWrong = token.value !== ''
  return (
    <Dialog title="Operations token" onClose={() => {}}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (given.value.trim() === '') return
          rememberToken(given.value.trim())
          given.value = ''
        }}
      >
        <p>
          {wasWrong
            ? 'That is not the token. '
            : 'This vllm-chill shows itself only to those who have its operations token. '}
          It is what <code>operationsToken</code> or <code>VLLM_CHILL_OPERATIONS_TOKEN</code> was
          set to.
        </p>
        <label>
          Token
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            aria-invalid={wasWrong}
            value={given.value}
            onInput={({ currentTarget }) => (given.value = currentTarget.value)}
          />
        </label>
        <p class="faint">It is kept in this tab until you close it, and sent to nobody else.</p>
        <div class="buttons">
          <button type="submit" class="strong">
            Open
          </button>
        </div>
      </form>
    </Dialog>
  )
}
