import stringWidth from 'string-width'
import { plain } from './plain.ts'

export interface Column {
  readonly heading: string
  /** May be cut down to this width where the place is short; absent: it keeps its full width. */
  readonly least?: number
  /** Where cutting is not enough, the column with the smallest number is left out first; absent: never. */
  readonly worth?: number
  /** Colours a cell, without changing its width. */
  readonly paint?: (cell: string) => string
}

/** Between columns. */
const gap = 2

/**
 * Columns under their headings, two spaces apart, no line wider than `width`: where the place is short,
 * cells are cut, then whole columns left out.
 */
export function columnsText(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string {
  const table = columns.map((column, index) => {
    const cells = rows.map((row) => plain(row[index] ?? ''))
    const full = Math.max(...[column.heading, ...cells].map((cell) => stringWidth(cell)))
    return { ...column, cells, full, least: Math.min(full, column.least ?? full) }
  })
  const shown = worthShowing(table, width)
  const widths = cutDown(shown, Math.max(0, widthOf(shown) - width))
  const mayPaint = widthOf(shown, 'least') <= width
  const line = (cellOf: (column: (typeof shown)[number]) => string, isHeading = false) => {
    const cells = shown.map((column, index) => {
      const cell = cut(cellOf(column), widths[index])
      const space = ' '.repeat((widths[index] ?? 0) - stringWidth(cell))
      const painted = mayPaint && !isHeading ? column.paint?.(cell) : undefined
      return (painted ?? cell) + space
    })
    const whole = cells.join(' '.repeat(gap)).trimEnd()
    return mayPaint ? whole : cut(whole, width)
  }
  return [
    line(({ heading }) => heading, true),
    ...rows.map((_, row) => line(({ cells }) => cells[row] ?? '')),
  ].join('\n')
}

const graphemes = new Intl.Segmenter()

/** A text without escape sequences, with an ellipsis at its end where it is wider. */
export function cut(text: string, width = Infinity): string {
  if (stringWidth(text) <= width) return text
  if (width < 1) return ''
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break
    kept += segment
  }
  return `${kept}…`
}

interface Measured {
  readonly full: number
  readonly least: number
  readonly worth?: number
}

function widthOf(columns: readonly Measured[], width: keyof Measured = 'full'): number {
  return columns.reduce((sum, column) => sum + (column[width] ?? 0), gap * (columns.length - 1))
}

/** Without the columns that even the narrowest of all leave no place for. */
function worthShowing<T extends Measured>(columns: readonly T[], width: number): readonly T[] {
  if (widthOf(columns, 'least') <= width) return columns
  const worths = columns.flatMap(({ worth }) => (worth === undefined ? [] : [worth]))
  if (worths.length === 0) return columns
  const last = Math.min(...worths)
  return worthShowing(
    columns.filter(({ worth }) => worth !== last),
    width,
  )
}

/** Widths that are `excess` less in sum, taken from the widest first. */
function cutDown(columns: readonly Measured[], excess: number): number[] {
  const widths = columns.map(({ full }) => full)
  for (let rest = excess; rest > 0; rest--) {
    let widest: number | undefined
    for (const [index, { least }] of columns.entries()) {
      const isLarger = widest === undefined || widths[index]! > widths[widest]!
      if (widths[index]! > least && isLarger) widest = index
    }
    if (widest === undefined) break
    widths[widest]!--
  }
  return widths
}
