/** The simulated tokeniser: a token is a word with the white space before it. */
export function splitTokens(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? []
}

export function countTokens(text: string): number {
  return splitTokens(text).length
}

const vocabulary = new Map<number, string>()
/** Bounds the memory of a server that runs for days; forgetting only hurts `/detokenize`. */
const vocabularyLimit = 100_000

/** The same id for the same word in every process (FNV-1a, 31 bits). */
export function tokenId(token: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < token.length; at += 1) {
    hash = Math.imul(hash ^ token.charCodeAt(at), 0x01000193)
  }
  const id = hash >>> 1
  if (vocabulary.size < vocabularyLimit) vocabulary.set(id, token)
  return id
}

/** The word of an id that this process has seen before, else a replacement character. */
export function tokenOf(id: number): string {
  return vocabulary.get(id) ?? '\uFFFD'
}
