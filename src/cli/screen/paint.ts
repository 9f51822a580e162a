import { styleText } from 'node:util'

const styles = {
  heading: 'bold',
  good: 'green',
  busy: 'yellow',
  bad: 'red',
  quiet: 'dim',
} as const

/** Colours a text by what it says. */
export type Paint = (style: keyof typeof styles, text: string) => string

export const noPaint: Paint = (_, text) => text

/** Colours only where a person looks and has not turned them off: https://no-color.org */
export function paintFor(terminal: {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly screen: unknown
}): Paint {
  if (terminal.screen === undefined || terminal.env['NO_COLOR']) return noPaint
  return (style, text) => styleText(styles[style], text, { validateStream: false })
}
