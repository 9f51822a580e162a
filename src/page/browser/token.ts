import { signal } from '@preact/signals'

const key = 'vllm-chill operations token'

/** Kept for this tab only, and never in an address: those end up in histories and logs. */
export const token = signal(read())

/** The program asks for a token, and what it has been given (if anything) is not the right one. */
export const tokenWanted = signal(false)

export function rememberToken(given: string): void {
  token.value = given
  tokenWanted.value = false
  if (given === '') sessionStorage.removeItem(key)
  else sessionStorage.setItem(key, given)
}

function read(): string {
  try {
    return sessionStorage.getItem(key) ?? ''
  } catch {
    // A browser that is told to store nothing.
    return ''
  }
}
