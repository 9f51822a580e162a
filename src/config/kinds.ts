import { splitCommand } from './command-words.ts'
import { durationPattern, formatDuration, parseDuration } from './durations.ts'
import { formatSize, parseSize, sizePattern } from './sizes.ts'

/** Appended to the key in `Settings`, so that the name carries the unit. */
export type Unit = '' | 'Ms' | 'Bytes'

/** How one sort of value is read from a flag, a variable or the file, and shown again. */
export interface Kind<T, U extends Unit = ''> {
  readonly unit: U
  /** In `--help`: `--idle-timeout <duration>`. */
  readonly placeholder: string
  /** Completes "expected …". */
  readonly expects: string
  /** What `raw` means; undefined when it cannot be understood. */
  read(raw: unknown): T | undefined
  /** Where in it what is wrong, for kinds that have parts: `.shmSize: must be …`. */
  explain?(raw: unknown): readonly string[]
  /** As a person would write it. */
  show(value: T): string
  /** Its place in the JSON schema of the file. */
  readonly json: Readonly<Record<string, unknown>>
  /** Relative ones are resolved against the file they stand in, or the working directory. */
  readonly isPath?: boolean
  /** Never shown; `file:PATH` means the content of that file. */
  readonly isSecret?: boolean
}

const asText = (raw: unknown): string | undefined =>
  typeof raw === 'number' || typeof raw === 'string' ? String(raw).trim() || undefined : undefined

export const text: Kind<string> = {
  unit: '',
  placeholder: 'text',
  expects: 'some text',
  read: asText,
  show: (value) => value,
  json: { type: 'string' },
}

export const path: Kind<string> = {
  ...text,
  placeholder: 'path',
  expects: 'a path',
  isPath: true,
}

/** Not a secret, but where one is. */
export const secretKey: Kind<{ readonly name: string; readonly key: string }> = {
  unit: '',
  placeholder: 'name/key',
  expects: 'the name of a Secret and a key in it, such as hf-token-secret/token',
  read: (raw) => {
    const match = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)\/([-._a-zA-Z0-9]+)$/.exec(String(raw))
    return match ? { name: match[1]!, key: match[3]! } : undefined
  },
  show: ({ name, key }) => `${name}/${key}`,
  json: { type: 'string' },
}

export const secret: Kind<string> = {
  ...text,
  placeholder: 'secret',
  expects: 'a secret (quoted, if it is a number), or file:PATH to read it from a file',
  // YAML would turn 0012 into another number, so numbers are not taken for text here.
  read: (raw) => (typeof raw === 'string' ? asText(raw) : undefined),
  isSecret: true,
}

export const list: Kind<readonly string[]> = {
  unit: '',
  placeholder: 'list',
  expects: 'a list (in flags and variables separated by commas)',
  read: (raw) => {
    const items = (Array.isArray(raw) ? raw : [raw]).flatMap((item) =>
      typeof item === 'string' ? item.split(',').map((word) => word.trim()) : [asText(item)],
    )
    return items.every((item) => item !== undefined)
      ? items.filter((item) => item !== '')
      : undefined
  },
  show: (value) => value.join(','),
  json: { type: 'array', items: { type: 'string' } },
}

export const secrets: Kind<readonly string[]> = {
  ...list,
  placeholder: 'secrets',
  expects: 'a list of secrets (quoted, if they are numbers), or file:PATH with one a line',
  read: (raw) =>
    [raw].flat().every((item) => typeof item === 'string') ? list.read(raw) : undefined,
  isSecret: true,
}

/** Device numbers as CUDA takes them; a YAML list of numbers is fine too. */
export const devices: Kind<string> = {
  ...text,
  placeholder: 'devices',
  expects: 'GPU numbers or UUIDs separated by commas, such as 0,1',
  read: (raw) => {
    const line = (Array.isArray(raw) ? raw : [raw]).map(asText).join(',')
    return /^[\w-]+(,[\w-]+)*$/.test(line) ? line : undefined
  },
  json: { type: ['string', 'integer', 'array'], items: { type: ['string', 'integer'] } },
}

export const boolean: Kind<boolean> = {
  unit: '',
  placeholder: 'true|false',
  expects: 'true or false',
  read: (raw) => {
    if (typeof raw === 'boolean') return raw
    const word = String(raw).toLowerCase()
    if (word === 'true' || word === '1') return true
    return word === 'false' || word === '0' ? false : undefined
  },
  show: String,
  json: { type: 'boolean' },
}

export const duration: Kind<number, 'Ms'> = {
  unit: 'Ms',
  placeholder: 'duration',
  expects: 'a duration of at most 576h with its units, such as 500ms, 30s, 5m or 1h30m, or 0',
  read: (raw) => (raw === 0 ? 0 : typeof raw === 'string' ? parseDuration(raw.trim()) : undefined),
  show: formatDuration,
  json: { anyOf: [{ type: 'string', pattern: durationPattern }, { const: 0 }] },
}

/** For what would be nonsense at 0, such as the deadline of a start. */
export const positiveDuration: Kind<number, 'Ms'> = {
  ...duration,
  expects: 'a duration from 1ms to 576h with its units, such as 500ms, 30s, 5m or 1h30m',
  read: (raw) => duration.read(raw) || undefined,
  json: { type: 'string', pattern: durationPattern },
}

export const size: Kind<number, 'Bytes'> = {
  unit: 'Bytes',
  placeholder: 'size',
  expects: 'a size such as 64MiB, 1GB or a number of bytes',
  read: (raw) => parseSize(asText(raw) ?? ''),
  show: formatSize,
  json: {
    anyOf: [
      { type: 'string', pattern: sizePattern },
      { type: 'integer', minimum: 0 },
    ],
  },
}

export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Kind<number> {
  const isOpen = most === Number.MAX_SAFE_INTEGER
  return {
    unit: '',
    placeholder: 'number',
    expects: isOpen
      ? `a whole number of at least ${least}`
      : `a whole number from ${least} to ${most}`,
    read: (raw) => {
      const written = asText(raw)
      if (written === undefined || !/^\d+$/.test(written)) return undefined
      const value = Number(written)
      return value >= least && value <= most ? value : undefined
    },
    show: String,
    json: { type: 'integer', minimum: least, ...(isOpen ? {} : { maximum: most }) },
  }
}

export function choice<const T extends string>(...words: readonly T[]): Kind<T> {
  return {
    unit: '',
    placeholder: words.length <= 3 ? words.join('|') : 'word',
    expects: `one of ${words.join(', ')}`,
    read: (raw) => words.find((word) => word === raw),
    show: (value) => value,
    json: { enum: words },
  }
}

export const commandLine: Kind<string> = {
  ...text,
  placeholder: 'command',
  expects: 'a command with every quote closed',
  read: (raw) => {
    const line = text.read(raw)
    return line !== undefined && splitCommand(line) ? line : undefined
  },
}

export const objectNamePattern =
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
export const objectNameWords =
  'a name of lower-case letters, digits, dashes and dots, with a letter or digit at both ends'

/** Of most objects in a cluster. */
export const objectName: Kind<string> = {
  ...text,
  placeholder: 'name',
  expects: objectNameWords,
  read: (raw) => {
    const name = asText(raw)
    return name !== undefined && objectNamePattern.test(name) ? name : undefined
  },
  json: { type: 'string', pattern: objectNamePattern.source },
}

const namespacePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
export const namespaceName: Kind<string> = {
  ...objectName,
  expects: 'the name of a namespace: up to 63 lower-case letters, digits and dashes',
  read: (raw) => {
    const name = asText(raw)
    return name !== undefined && namespacePattern.test(name) ? name : undefined
  },
  json: { type: 'string', pattern: namespacePattern.source },
}

const servicePattern = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?(\.[-a-z0-9.]*)?$/
/** `vllm-svc`, or `vllm-svc.ai-apps.svc.cluster.local`, as the original had it. */
export const serviceHost: Kind<string> = {
  ...text,
  placeholder: 'host',
  expects: 'the name of a Service, alone or as the first part of its host name',
  read: (raw) => {
    const host = asText(raw)
    return host !== undefined && servicePattern.test(host) ? host : undefined
  },
  json: { type: 'string', pattern: servicePattern.source },
}

export const dnsLabel: Kind<string> = {
  ...text,
  expects: 'a DNS label: up to 63 lower-case letters, digits and dashes, beginning with a letter',
  read: (raw) => (/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(String(raw)) ? String(raw) : undefined),
  json: { type: 'string', pattern: '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$' },
}

export const variables: Kind<Readonly<Record<string, string>>> = {
  unit: '',
  placeholder: 'variables',
  expects: 'a map of names to text (quote numbers and booleans)',
  read: (raw) => {
    if (!isMap(raw)) return undefined
    const isFine = Object.entries(raw).every(
      ([name, value]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && typeof value === 'string',
    )
    return isFine ? (raw as Record<string, string>) : undefined
  },
  show: (value) => Object.keys(value).join(','),
  isSecret: true,
  json: { type: 'object', additionalProperties: { type: 'string' } },
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
