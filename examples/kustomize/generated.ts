/** Base and overlays, from what `vllm-chill manifests` gives: the overlays are what differs from the base. */
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import { toYaml, type Manifest } from '../../src/installation/index.ts'

export interface Overlay {
  /** Its folder. */
  readonly name: string
  /** What it shows, and what must be there before. */
  readonly about: readonly string[]
  /** Of `vllm-chill manifests`; the base is the one without. */
  readonly words: string
}

/** Where all examples are. */
export const namespace = 'ai-apps'

export const overlays: readonly Overlay[] = [
  {
    name: 'existing-deployment',
    about: ['An existing Deployment `vllm` is put to sleep and woken; nothing else is touched.'],
    words: '',
  },
  {
    name: 'managed',
    about: ['vllm-chill makes the Deployment of vLLM, and switches its models.'],
    words: '--enable-model-switch',
  },
  {
    name: 'several-backends',
    about: ['Two backends of one GPU each.'],
    words: '--config examples/kubernetes/several-gpus.config.yaml',
  },
  {
    name: 'with-monitoring',
    about: ['As managed, seen by the Prometheus operator, on a port that clients do not reach.'],
    words: '--enable-model-switch --operations-port 9090 --service-monitor',
  },
]

/** Of `vllm-chill manifests`, for the base and for each overlay: the namespace is made by somebody else. */
export const wordsOf = (words: string) =>
  `--namespace ${namespace} --no-create-namespace ${words}`.trim()

/**
 * Text by path below `examples/kustomize`.
 *
 * @param manifestsOf what `vllm-chill manifests` gives for these words
 */
export async function kustomizeFiles(
  manifestsOf: (words: string) => Promise<readonly Manifest[]>,
): Promise<Map<string, string>> {
  const base = await manifestsOf(wordsOf(''))
  const files = new Map([
    ['base/kustomization.yaml', made + kustomization({ resources: ['resources.yaml'] })],
    ['base/resources.yaml', made + toYaml(base)],
  ])
  for (const { name, about, words } of overlays) {
    const wanted = await manifestsOf(wordsOf(words))
    const missing = wanted.filter((one) => !base.some((other) => isSame(one, other)))
    const patches = base.flatMap((from) => {
      const to = wanted.find((one) => isSame(one, from))
      if (to === undefined) throw new Error(`${name}: lacks ${from.kind} of the base`)
      if (isDeepStrictEqual(from, to)) return []
      const patch = stringify(operations(from, to), { lineWidth: 0, compat: 'yaml-1.1' })
      return [{ target: { kind: from.kind, name: from.metadata.name }, patch }]
    })
    const hasMore = missing.length > 0
    const text = kustomization({
      namespace,
      resources: ['../base', ...(hasMore ? ['resources.yaml'] : [])],
      ...(patches.length > 0 && { patches }),
      replacements: [ofNamespace],
    })
    const head = [
      ...about,
      `The namespace must be there. The same as: vllm-chill manifests ${wordsOf(words)}`,
    ]
    files.set(
      `${name}/kustomization.yaml`,
      made + head.map((line) => `# ${line}\n`).join('') + text,
    )
    if (hasMore) files.set(`${name}/resources.yaml`, made + toYaml(missing))
  }
  return files
}

const made = '# Made by: node examples/generate.ts\n'

/** Whose an object is says the namespace, too: so another one is set in one place only. */
const ofNamespace = {
  source: { kind: 'ServiceAccount', fieldPath: 'metadata.namespace' },
  targets: [
    {
      // All objects but the CustomResourceDefinition, which is nobody's.
      select: { name: 'vllm-chill' },
      fieldPaths: ['metadata.annotations.[vllm-chill.efortin.github.io/installation]'],
      options: { delimiter: '/', index: 0 },
    },
  ],
}

function kustomization(fields: object): string {
  const head = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' }
  return stringify({ ...head, ...fields }, { lineWidth: 0, aliasDuplicateObjects: false })
}

function isSame(one: Manifest, other: Manifest): boolean {
  return one.kind === other.kind && one.metadata.name === other.metadata.name
}

/** As JSON Patch. What has become longer gets its new items at the end. */
function operations(from: unknown, to: unknown, path = ''): object[] {
  if (isDeepStrictEqual(from, to)) return []
  if (Array.isArray(from) && Array.isArray(to) && from.length <= to.length) {
    const changed = from.flatMap((one, index) => operations(one, to[index], `${path}/${index}`))
    const isOther = from.some((one, index) => typeof one !== 'object' && one !== to[index])
    if (!isOther) {
      const added = to.slice(from.length)
      return [...changed, ...added.map((value) => ({ op: 'add', path: `${path}/-`, value }))]
    }
  }
  if (!isMap(from) || !isMap(to)) return [{ op: 'replace', path, value: to }]
  const keys = new Set([...Object.keys(from), ...Object.keys(to)])
  return [...keys].flatMap((key): object[] => {
    const inner = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!(key in to)) return [{ op: 'remove', path: inner }]
    if (!(key in from)) return [{ op: 'add', path: inner, value: to[key] }]
    return operations(from[key], to[key], inner)
  })
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
