const powers = { '': 0, k: 1, m: 2, g: 3, t: 4 } as const

/** The written form, as a JSON schema pattern. */
export const sizePattern = String.raw`^\d+(\.\d+)? ?([KMGTkmgt]i?)?[Bb]?$`

/** `64MiB`, `256Mi`, `1GB` or plain bytes as a number of bytes; undefined when it is none of these. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?$/i.exec(text)
  if (!found) return undefined
  const [, count, prefix = '', binary] = found
  if (prefix === '' && binary !== '') return undefined
  const base = binary === '' ? 1000 : 1024
  const bytes = Math.round(
    Number(count) * base ** powers[prefix.toLowerCase() as keyof typeof powers],
  )
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** The shortest exact text, in binary units where they divide it. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`
  }
  return `${bytes}B`
}
