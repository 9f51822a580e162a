const plain = /^[A-Za-z/][\w ./@+-]*$/
const meansMore = /^(true|false|null|yes|no|on|off|~)$/i

/** A manifest as people write them; text that could be taken for something else is quoted. */
export function yamlOf(value: unknown, depth = 0): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]\n'
    return value.map((item) => `${indent(depth)}- ${yamlOf(item, depth + 1).trimStart()}`).join('')
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    if (entries.length === 0) return '{}\n'
    return entries
      .map(([key, item]) => `${indent(depth)}${scalar(key)}:${below(item, depth + 1)}`)
      .join('')
  }
  return `${scalar(value)}\n`
}

function below(item: unknown, depth: number): string {
  const isDeep = typeof item === 'object' && item !== null && Object.keys(item).length > 0
  return isDeep ? `\n${yamlOf(item, depth)}` : ` ${yamlOf(item, depth)}`
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  return plain.test(value) && !meansMore.test(value) && !value.endsWith(' ')
    ? value
    : JSON.stringify(value)
}

function indent(depth: number): string {
  return '  '.repeat(depth)
}
