import type { Terminal } from '../../../src/cli/terminal.ts'

/** A terminal that remembers what was printed and said. */
export function fakeTerminal(
  env: Record<string, string> = {},
  isInteractive = false,
): Terminal & { printed: string[]; said: string[] } {
  const printed: string[] = []
  const said: string[] = []
  return {
    env,
    isInteractive,
    printed,
    said,
    print: (text) => void printed.push(text),
    say: (text) => void said.push(text),
    pause: () => Promise.resolve(),
  }
}
