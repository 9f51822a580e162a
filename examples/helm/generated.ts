/** What of the Helm chart is made of the program's own definitions: CRD, rights, paths, and what values may be. */
import { stringify } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { vllmModelCrd } from '../../src/catalogue/index.ts'
import { settingsJsonSchema } from '../../src/config/index.ts'
import { toYaml } from '../../src/installation/index.ts'
import { publicPaths } from '../../src/installation/manifests/network.ts'
import { permissions, type Permission } from '../../src/installation/permissions.ts'

/** Text by file name. */
export function chartFiles(): ReadonlyMap<string, string> {
  const { version, description } = manifest
  const chart = {
    apiVersion: 'v2',
    name: 'vllm-chill',
    description,
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: '>=1.19.0-0',
    home: 'https://github.com/efortin/vllm-chill',
    sources: ['https://github.com/efortin/vllm-chill'],
    keywords: manifest.keywords,
  }
  return new Map([
    ['Chart.yaml', made + stringify(chart)],
    ['crds/vllmmodels.yaml', made + toYaml([vllmModelCrd({ rules: false })])],
    ['templates/_generated.tpl', [rules(), paths()].join('\n')],
    ['values.schema.json', `${JSON.stringify(valuesSchema(), null, 2)}\n`],
  ])
}

const made = '# Made by: node examples/generate.ts\n'

function paths(): string {
  const lines = publicPaths.map((path) => `- ${path}\n`).join('')
  return `{{- define "vllm-chill.publicPaths" -}}\n${lines}{{- end }}\n`
}

const conditions = {
  enableModelSwitch: '.Values.config.enableModelSwitch',
  portForward: '.Values.portForward',
} as const satisfies Record<NonNullable<Permission['onlyWith']>, string>

/** One rule for each resource, as in the Role of `vllm-chill manifests`. */
function rules(): string {
  const lines: string[] = []
  const byResource = Map.groupBy(permissions, ({ group, resource }) => `${group}/${resource}`)
  for (const one of byResource.values()) {
    const [{ group, resource }] = one as [Permission]
    const onlyWith = new Set(one.map(({ onlyWith }) => onlyWith))
    const [only] = onlyWith.size === 1 ? onlyWith : []
    if (only !== undefined) lines.push(`{{- if ${conditions[only]} }}`)
    lines.push(`- apiGroups: [${JSON.stringify(group)}]`, `  resources: [${resource}]`, '  verbs:')
    for (const { verbs, onlyWith } of one) {
      const isConditional = only === undefined && onlyWith !== undefined
      if (isConditional) lines.push(`    {{- if ${conditions[onlyWith]} }}`)
      lines.push(...verbs.map((verb) => `    - ${verb}`))
      if (isConditional) lines.push('    {{- end }}')
    }
    if (only !== undefined) lines.push('{{- end }}')
  }
  return `{{/* ${made.slice(2).trim()} */}}\n{{- define "vllm-chill.rules" -}}\n${lines.join('\n')}\n{{- end }}\n`
}

/** What the pod has from elsewhere, and what must not stand where everybody can read it. */
const notInConfig = new Set([
  'apiKeys',
  'apiKeysFile',
  'backendApiKey',
  'context',
  'driver',
  'host',
  'kubeconfig',
  'namespace',
  'operationsToken',
  'stateDir',
])

const text = { type: 'string' }
const flag = { type: 'boolean' }
const secretKey = {
  ...object({ name: { type: 'string', minLength: 1 }, key: text }),
  description: 'A Secret that is there already, and the key in it. Empty: none.',
  dependentRequired: { key: ['name'] },
}

function object(properties: Readonly<Record<string, object>>): object {
  return { type: 'object', additionalProperties: false, properties }
}

function valuesSchema(): object {
  const {
    properties,
    $schema,
    title: _,
    ...config
  } = settingsJsonSchema() as {
    properties: Record<string, object>
    $schema: string
    title: string
  }
  const known = Object.entries(properties).filter(([name]) => !notInConfig.has(name))
  return {
    $schema,
    title: 'Values of vllm-chill',
    ...object({
      // Of a chart that this one is part of.
      global: { type: 'object' },
      image: object({
        repository: { type: 'string', minLength: 1 },
        tag: text,
        pullSecrets: { type: 'array', items: { type: 'string', minLength: 1 } },
      }),
      replicas: { type: 'integer', minimum: 1, maximum: 99 },
      config: withoutLookaround({
        ...config,
        description: "The program's configuration file.",
        properties: Object.fromEntries(known),
      }),
      apiKeysSecret: secretKey,
      operationsTokenSecret: secretKey,
      ingress: object({
        host: text,
        className: text,
        tlsSecret: text,
        annotations: { type: 'object', additionalProperties: text },
      }),
      networkPolicy: flag,
      podDisruptionBudget: flag,
      serviceMonitor: flag,
      portForward: flag,
      resources: { type: 'object' },
      terminationGracePeriodSeconds: { type: 'integer', minimum: 1 },
    }),
  }
}

/** Go's regular expressions, which Helm uses, have none; the program itself checks those values anyway. */
function withoutLookaround(schema: object): object {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === 'pattern' && typeof value === 'string' && /\(\?[=!]/.test(value) ? undefined : value,
  )
  return JSON.parse(text) as object
}
