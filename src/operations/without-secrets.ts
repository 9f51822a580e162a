const hidden = '(not shown)'
const words = 'api[-_]?key|token|secret|password|passwd|credentials?|auth'
/** Of a field, a variable or a flag: what opens something. */
const secretName = new RegExp(`(${words})$`, 'i')
const assignment = new RegExp(`([\\w-]*(?:${words}))=\\S+`, 'gi')
const flag = new RegExp(`(?<![\\w-])(-[\\w-]*(?:${words}))(\\s+)\\S+(?:\\s+(?!-)\\S+)*`, 'gi')
/** In a flag's JSON. */
const member = new RegExp(`("[\\w-]*(?:${words})"\\s*:\\s*)"[^"]*"`, 'gi')
const credentialsInUrl = /\/\/[^/\s@]+@/g

/** A part of a manifest as it may be shown. Of variables no value is, as any may open something. */
export function withoutSecrets(part: unknown, isEnvironment = false): unknown {
  if (typeof part === 'string') return withoutSecretWords(part)
  if (Array.isArray(part)) {
    let isSecret = false
    return part.map((each, index) => {
      // vLLM's `--api-key` takes as many keys as there are up to the next flag.
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
function withoutSecretWords(text: string): string {
  return text
    .replaceAll(assignment, `$1=${hidden}`)
    .replaceAll(flag, `$1$2${hidden}`)
    .replaceAll(member, `$1"${hidden}"`)
    .replaceAll(credentialsInUrl, `//${hidden}@`)
}
