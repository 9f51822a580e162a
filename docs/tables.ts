import { z } from 'zod'
import { specSchema, statusSchema } from '../src/catalogue/index.ts'
import { backendFields, groups, podSchema, settingsReference } from '../src/config/index.ts'
import { permissions } from '../src/installation/permissions.ts'
import { errorCodes } from '../src/errors/index.ts'
import { definitions } from '../src/metrics/index.ts'
import { helpText } from './help.ts'

/** What stands between `<!-- generated: NAME -->` and `<!-- end -->` in the pages, as Markdown. */
export const tables: Readonly<Record<string, (...words: string[]) => string | Promise<string>>> = {
  settings: settingTables,
  backends: backendTable,
  pod: () => fieldTable(podSchema, 'input'),
  models: modelTable,
  modelStatus: () => fieldTable(statusSchema),
  modelConditions: () => fieldTable(statusSchema.shape.conditions.unwrap().element),
  errors: errorTable,
  metrics: metricTable,
  permissions: permissionTable,
  help: helpText,
}

function settingTables(): string {
  const all = settingsReference()
  const sections = Object.entries(groups).map(([group, title]) => {
    const rows = all
      .filter((setting) => setting.group === group)
      .map(({ key, flags, variables, fallback, meaning }) => [
        code(key),
        flags.map(code).join(', '),
        variables.map(code).join(', '),
        fallback,
        meaning,
      ])
    return `### ${title}\n\n${table(['Setting', 'Flag', 'Variable', 'Default', 'Meaning'], rows)}`
  })
  return sections.join('\n\n')
}

function backendTable(): string {
  const rows = Object.entries(backendFields).map(([name, { kind, meaning }]) => [
    code(name),
    kind.expects,
    meaning,
  ])
  return table(['Field', 'Value', 'Meaning'], rows)
}

interface FieldSchema {
  readonly type?: string | readonly string[]
  readonly anyOf?: readonly FieldSchema[]
  readonly items?: FieldSchema
  readonly enum?: readonly string[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly default?: unknown
  readonly description?: string
  readonly pattern?: string
  readonly format?: string
  readonly additionalProperties?: FieldSchema
  readonly properties?: Readonly<Record<string, FieldSchema>>
}

function modelTable(): string {
  const schema = z.toJSONSchema(specSchema, { io: 'input' })
  const fields = Object.entries(schema.properties as Record<string, FieldSchema>)
  const rows = fields.map(([name, field]) => [
    code(name),
    allowed(field),
    schema.required?.includes(name) ? 'required' : shownDefault(field.default),
    field.description ?? '',
  ])
  return table(['Field', 'Value', 'Default', 'Meaning'], rows)
}

/** Where nothing is required and nothing is filled in. */
function fieldTable(schema: z.ZodType, io: 'input' | 'output' = 'output'): string {
  const { properties } = z.toJSONSchema(schema, { io })
  const fields = Object.entries(properties as Record<string, FieldSchema>)
  const rows = fields.map(([name, field]) => [code(name), allowed(field), field.description ?? ''])
  return table(['Field', 'Value', 'Meaning'], rows)
}

function allowed(field: FieldSchema): string {
  if (field.enum) return field.enum.map((word) => code(word === '' ? '""' : word)).join(', ')
  if (field.anyOf) return field.anyOf.map(allowed).join(' or ')
  if (field.const !== undefined) return code(JSON.stringify(field.const))
  if (field.properties) return `map of ${Object.keys(field.properties).map(code).join(', ')}`
  if (typeof field.type === 'object')
    return field.type.map((type) => allowed({ type })).join(' or ')
  if (field.type === 'array') return `list of ${field.items ? allowed(field.items) : 'values'}`
  if (field.type === 'object') return field.additionalProperties?.type ? 'map of text' : 'map'
  if (field.format === 'date-time') return 'time'
  if (field.type === 'string') return field.pattern?.includes('ms|s|m|h') ? 'duration' : 'text'
  return `${field.type ?? 'value'}${range(field)}`
}

function range({ minimum = -Infinity, maximum = Infinity }: FieldSchema): string {
  const isLow = minimum > Number.MIN_SAFE_INTEGER
  const isHigh = maximum < Number.MAX_SAFE_INTEGER
  if (isLow && isHigh) return `, ${minimum}–${maximum}`
  return isLow ? `, ≥ ${minimum}` : ''
}

function shownDefault(value: unknown): string {
  if (value === undefined) return ''
  const text = JSON.stringify(value)
  return text === '[]' || text === '{}'
    ? 'none'
    : code(text === '""' ? text : text.replaceAll('"', ''))
}

function errorTable(): string {
  const rows = Object.entries(errorCodes)
    .sort(([, a], [, b]) => a.status - b.status)
    .map(([name, { status, type, when }]) => [String(status), code(name), code(type), when])
  return table(['Status', '`code`', '`type`', 'When'], rows)
}

function metricTable(): string {
  const rows = Object.entries(definitions).map(([name, definition]) => [
    code(name) + ('original' in definition ? ' ¹' : ''),
    definition.type,
    definition.labels.map(code).join(', '),
    definition.help,
  ])
  return table(['Metric', 'Type', 'Labels', 'Meaning'], rows)
}

function code(text: string): string {
  return `\`${text}\``
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')
}

function permissionTable(): string {
  const conditions = {
    enableModelSwitch: 'with model switching',
    portForward: 'outside a cluster only: `--port-forward`, or your own rights',
  }
  const rows = permissions.map(({ group, resource, verbs, why, onlyWith }) => [
    code(resource),
    group === '' ? 'core' : code(group),
    verbs.map(code).join(', '),
    onlyWith === undefined ? 'always' : conditions[onlyWith],
    why,
  ])
  return table(['Resource', 'Group', 'Verbs', 'Needed', 'To'], rows)
}
