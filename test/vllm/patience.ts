import { setTimeout as delay } from 'node:timers/promises'

/** What a real vLLM may take for a start or an end on a machine that does other things too, ms. */
export const patienceMs = 240_000

/** Asks again and again until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const over = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > over) throw new Error(`not so in time: ${String(isSo)}`)
    await delay(50)
  }
}

/** What it resolves to, or undefined if it has not in time. */
export async function within<T>(ms: number, awaited: Promise<T>): Promise<T | undefined> {
  const over = new AbortController()
  try {
    return await Promise.race([
      awaited,
      delay(ms, undefined, { signal: over.signal }).catch(() => undefined),
    ])
  } finally {
    over.abort()
  }
}
