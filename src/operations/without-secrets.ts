const hidden = '(not shown)'
/** Of a field, a variable or a flag: what opens something. */
const secretName = /(api[-_]?key|token|secret|password|passwd|credentials?|auth)$/i

/** A part of a manifest as it may be shown. Of variables no value is, as any may open something. */
export function withoutSecrets(part: unknown, isEnvironment = false): unknown {
  if (typeof part === 'string') return withoutSecretWords(part)
  if (Array.isArray(part)) {
    return part.map((each, index) =>
      isSecretFlag(part[index - 1]) ? hidden : withoutSecrets(each, isEnvironment),
    )
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
  return typeof word === 'string' && /^-[\w-]*$/.test(word) && secretName.test(word)
}

/** A whole command line, or one word of it. */
function withoutSecretWords(text: string): string {
  return text
    .replaceAll(/([\w-]+)(=|\s+)(\S+)/g, (all, name: string, between: string) => {
      const names = between === '=' ? secretName.test(name) : isSecretFlag(name)
      return names ? `${name}${between}${hidden}` : all
    })
    .replaceAll(/\/\/[^/\s@]+@/g, `//${hidden}@`)
}
