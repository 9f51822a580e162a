import { secretName, withoutSecretWords } from '../telemetry/index.ts'

const hidden = '(not shown)'
/** vLLM's `--api-key` takes as many keys as there are up to the next flag. */
const flag = /(?<!\S)(-[\w-]+)(\s+)[^\s-]\S*(?:\s+[^\s-]\S*)*/g

/** A part of a manifest as it may be shown. Of variables no value is, as any may open something. */
export function withoutSecrets(part: unknown, isEnvironment = false): unknown {
  if (typeof part === 'string') return withoutSecretFlags(withoutSecretWords(part))
  if (Array.isArray(part)) {
    let isSecret = false
    return part.map((each, index) => {
      isSecret = isSecretFlag(part[index - 1]) || (isSecret && !isFlag(each))
      return isSecret ? hidden : withoutSecrets(each, isEnvironment)
    })
  }
  if (typeof part !== 'object' || part === null) return part
  // A list of variables has them as `name` and `value`, a map by their names.
  const isVariable = isEnvironment && 'name' in part
  const fields = Object.entries(part).map(([name, value]) => {
    const isValue = isVariable ? name === 'value' : isEnvironment || secretName.test(name)
    if (isValue && typeof value === 'string') return [name, hidden]
    return [name, withoutSecrets(value, name === 'env')]
  })
  return Object.fromEntries(fields)
}

function isSecretFlag(word: unknown): boolean {
  return isFlag(word) && /^-[\w-]*$/.test(word) && secretName.test(word)
}

function isFlag(word: unknown): word is string {
  return typeof word === 'string' && word.startsWith('-')
}

/** A whole command line, or one word of it. */
function withoutSecretFlags(text: string): string {
  return text.replaceAll(flag, (all, name: string, blank: string) =>
    secretName.test(name) ? `${name}${blank}${hidden}` : all,
  )
}
