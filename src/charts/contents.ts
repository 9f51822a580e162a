import type { Chart, ChartState, ChartTransition } from './graph.ts'
import { label, wrapped } from './words.ts'

/** Sizes in the picture's own units, which are pixels at its natural size. */
export const sizes = {
  title: 14,
  text: 11,
  titleHeight: 22,
  lineHeight: 14,
  /** Between a box's edge and its text. */
  inset: 10,
  /** Between two labels on one arrow. */
  gap: 4,
} as const

/** Longer ones are broken, in characters. */
const lineLength = 26

/** All transitions from one state to another: one arrow, with a label for each. */
export interface Arrow {
  readonly from: string
  readonly to: string
  readonly isMain: boolean
  readonly labels: readonly Label[]
}

export interface Label {
  readonly transition: ChartTransition
  readonly lines: readonly string[]
}

/** What stands in a state's box, from top to bottom. */
export interface BoxText {
  readonly title: string
  readonly effects: readonly string[]
  /** What happens here and leads nowhere else. */
  readonly inside: readonly Label[]
  readonly width: number
  readonly height: number
}

/** @param main Pairs of states whose arrows are the usual way, drawn stronger than the rest. */
export function arrowsOf(chart: Chart, main: readonly (readonly [string, string])[]): Arrow[] {
  const leaving = chart.transitions.filter((each) => !staysInside(each))
  const groups = Map.groupBy(leaving, ({ from, to }) => `${from}>${to}`)
  return Array.from(groups.values(), (transitions) => {
    const { from = '', to = '' } = transitions[0] ?? {}
    return {
      from,
      to,
      isMain: main.some(([source, target]) => source === from && target === to),
      labels: transitions.map(labelled),
    }
  })
}

export function boxTextOf(chart: Chart, state: ChartState): BoxText {
  const { name: title, effects } = state
  const inside = chart.transitions
    .filter((each) => each.from === state.path && staysInside(each))
    .map(labelled)
  const lines = [...effects, ...inside.flatMap((each) => each.lines)]
  const width = Math.max(
    textWidth(title, sizes.title, true),
    ...lines.map((line) => textWidth(line, sizes.text)),
  )
  const rule = lines.length > 0 ? sizes.gap : 0
  return {
    title,
    effects,
    inside,
    width: Math.ceil(width) + 2 * sizes.inset,
    height: sizes.titleHeight + rule + lines.length * sizes.lineHeight + rule,
  }
}

export function sizeOfLabels(labels: readonly Label[]): { width: number; height: number } {
  const lines = labels.flatMap((each) => each.lines)
  const width = Math.max(...lines.map((line) => textWidth(line, sizes.text)))
  return {
    width: Math.ceil(width) + sizes.gap,
    height: lines.length * sizes.lineHeight + (labels.length - 1) * sizes.gap,
  }
}

/** An estimate that fits the wider ones of the usual fonts, as nobody here knows the reader's. */
export function textWidth(text: string, size: number, isBold = false): number {
  let width = 0
  for (const character of text) width += widthOf(character)
  return width * size * (isBold ? 1.1 : 1)
}

function widthOf(character: string): number {
  if (/[ijlI.,:;'|]/.test(character)) return 0.32
  if (/[ frt()[\]/-]/.test(character)) return 0.39
  if (/[mwMW]/.test(character)) return 0.9
  if (/[A-Z]/.test(character)) return 0.7
  return 0.6
}

function staysInside({ from, to }: ChartTransition): boolean {
  return to === undefined || to === from
}

function labelled(transition: ChartTransition): Label {
  const text = `${staysInside(transition) && transition.reenters ? '↻ ' : ''}${label(transition)}`
  if (text.length <= lineLength) return { transition, lines: [text] }
  // Rather before the guard than within.
  const parts = text.split(/ (?=\[)/)
  return { transition, lines: parts.flatMap((part) => wrapped(part, lineLength)) }
}
