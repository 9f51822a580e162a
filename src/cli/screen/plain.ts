import { stripVTControlCharacters } from 'node:util'

/**
 * Text of others (a model's name, a reason, a line of a log) as one line that steers no terminal: without
 * escape sequences, control characters and marks that turn the direction of writing.
 */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
}
