import type { ChartTransition } from './graph.ts'

/** What sets it off, in words; empty where only its guard does. */
export function happening({ trigger, name }: ChartTransition): string {
  if (trigger === 'done') return `${name} is done`
  if (trigger === 'error') return `${name} fails`
  return name
}

/** `replica lost [somebody waits for it]`: as statecharts are labelled everywhere. */
export function label(transition: ChartTransition): string {
  const condition = transition.guard === undefined ? '' : `[${transition.guard}]`
  return [happening(transition), condition].filter((part) => part !== '').join(' ')
}

/** Broken between words, at most `width` characters where a word is no longer. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else {
      lines.push(word)
    }
  }
  return lines
}
