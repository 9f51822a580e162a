/** In place of `node:timers/promises`, whose clock cannot be made to stand still. */
export function setTimeout(
  ms: number,
  value: unknown,
  { signal }: { signal?: AbortSignal } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve(value)
    }, ms)
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
  })
}
