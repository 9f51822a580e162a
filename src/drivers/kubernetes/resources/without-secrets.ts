import { isMap } from './lists.ts'

const hidden = '(not shown)'
const isVariable = /\.env\[name=[^\]]*\]$/
const isValueOfVariable = /\.env\[name=[^\]]*\]\.value$/

/** A part of a pod as it may be logged: what variables and `--api-key` hold may be a secret. */
export function withoutSecrets(part: unknown, path: string): unknown {
  if (part === undefined || part === null) return part
  if (isValueOfVariable.test(path)) return hidden
  if (Array.isArray(part)) {
    return part.map((each, index) => {
      if (part[index - 1] === '--api-key') return hidden
      const name = isMap(each) ? String(each['name']) : ''
      return withoutSecrets(each, `${path}[name=${name}]`)
    })
  }
  if (isMap(part)) {
    const fields = Object.entries(part).map(([name, value]) => {
      if (name === 'value' && isVariable.test(path)) return [name, hidden]
      return [name, withoutSecrets(value, `${path}.${name}`)]
    })
    return Object.fromEntries(fields)
  }
  return typeof part === 'string' ? part.replace(/^(--api-key)=.*/s, `$1=${hidden}`) : part
}
