import wrapAnsi from 'wrap-ansi'

/** No line wider than `width`: broken between words where there are any. */
export function folded(lines: readonly string[], width: number | undefined): readonly string[] {
  if (width === undefined) return lines
  return lines.flatMap((line) => wrapAnsi(line, width, { hard: true, trim: false }).split('\n'))
}
