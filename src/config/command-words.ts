import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * A command line as words, with the quoting of a POSIX shell: single quotes keep everything, double
 * quotes keep blanks, a backslash keeps the next character. No shell runs: variables, globs and pipes
 * are plain text. Undefined when a quote is not closed or nothing is there.
 */
export function splitCommand(line: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | undefined
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!
    if (quote !== undefined && character === quote) {
      quote = undefined
    } else if (quote === "'" || (quote === '"' && character !== '\\')) {
      word += character
    } else if (character === '\\') {
      const next = line[++at]
      if (next === undefined) return undefined
      const kept = quote === '"' && next !== '"' && next !== '\\'
      word = (word ?? '') + (kept ? `\\${next}` : next)
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word = (word ?? '') + character
    }
  }
  if (quote !== undefined) return undefined
  if (word !== undefined) words.push(word)
  return words.length === 0 || words[0] === '' ? undefined : words
}

/**
 * The words to spawn. A first word `vllm-chill` means this very program, wherever it was started from,
 * so that an example that simulates runs without anything on the PATH.
 */
export function resolveCommand(words: readonly string[]): string[] {
  const [program, ...rest] = words
  return program === 'vllm-chill' ? [process.execPath, ownEntry(), ...rest] : [...words]
}

/** Beside the bundle's chunks in `dist/`, or in the neighbouring room in a checkout. */
function ownEntry(): string {
  const bundled = fileURLToPath(new URL('vllm-chill.js', import.meta.url))
  return existsSync(bundled)
    ? bundled
    : fileURLToPath(new URL('../cli/vllm-chill.ts', import.meta.url))
}
