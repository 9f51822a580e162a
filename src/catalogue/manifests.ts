import { isMap, isScalar, LineCounter, parseAllDocuments, type Document } from 'yaml'
import { didYouMean, explain, type Fault } from '../config/index.ts'
import { apiGroup, apiVersion, kind, modelSchema, specSchema, type VllmModel } from './schema.ts'
import type { CatalogueProblem } from './types.ts'

/** One valid manifest. */
export interface Manifest {
  readonly model: VllmModel
  /** `models.yaml`, or `models.yaml, document 2` where there are several. */
  readonly source: string
}

/** What one file, or any other text, holds. */
export interface Manifests {
  readonly models: readonly Manifest[]
  readonly problems: readonly CatalogueProblem[]
  /** Documents of other kinds; said aloud only by `validate`. */
  readonly skipped: readonly CatalogueProblem[]
}

interface Found {
  readonly models: Manifest[]
  readonly problems: CatalogueProblem[]
  readonly skipped: CatalogueProblem[]
}

const knownFields = Object.keys(specSchema.shape)
const topFields = new Set(['apiVersion', 'kind', 'metadata', 'spec', 'status'])

/** Reads YAML or JSON, of one or many documents; `kind: List` is opened. Never throws. */
export function parseManifests(text: string, file: string): Manifests {
  const lines = new LineCounter()
  const found: Found = { models: [], problems: [], skipped: [] }
  const parsed = parseAllDocuments(text, { lineCounter: lines, logLevel: 'error' })
  const documents = Array.isArray(parsed) ? parsed.filter(holdsSomething) : []
  if (documents.length === 0) {
    const message = 'is empty; to remove its models, delete the file'
    found.problems.push({ source: file, message })
  }
  for (const [index, document] of documents.entries()) {
    const source = documents.length > 1 ? `${file}, document ${index + 1}` : file
    readDocument(document, source, lines, found)
  }
  return found
}

/** An object of the wire, such as the cluster's; problems carry no line. */
export function checkManifest(object: unknown, source: string): Manifests {
  const found: Found = { models: [], problems: [], skipped: [] }
  checkObject(object, source, () => undefined, found)
  return found
}

/** A leading `---` and a trailing one make empty documents, which mean nothing. */
function holdsSomething({ contents, errors }: Document): boolean {
  const isEmpty = contents === null || (isScalar(contents) && contents.source === '')
  return !isEmpty || errors.length > 0
}

function readDocument(document: Document, source: string, lines: LineCounter, found: Found): void {
  for (const error of document.errors) {
    // Behind the first line comes a drawing of the place.
    const message = `is not valid YAML: ${error.message.split('\n')[0]!.replace(/:$/, '')}`
    found.problems.push({ source, message })
  }
  if (document.errors.length > 0) return
  let object: unknown
  try {
    object = document.toJS()
  } catch (error) {
    found.problems.push({ source, message: `cannot be read: ${(error as Error).message}` })
    return
  }
  const locate: Locate = (path) => lineOf(document, path, lines)
  checkObject(object, source, locate, found)
}

/** Of these, problems tell what is wrong, but not what stands there: it may hold a key or a token. */
const secretFields = new Set<PropertyKey>(['env', 'extraArgs', 'command', 'podTemplate'])

function mayBeSecret([part, field]: readonly PropertyKey[]): boolean {
  return part === 'spec' ? field === undefined || secretFields.has(field) : part === 'metadata'
}

/** The line of a field, where there are lines. */
type Locate = (path: readonly PropertyKey[]) => number | undefined

function checkObject(object: unknown, source: string, locate: Locate, found: Found): void {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    found.problems.push({ source, message: `is not a manifest; expected a map with kind: ${kind}` })
    return
  }
  const manifest = object as Record<string, unknown>
  if (isList(manifest)) {
    for (const [index, item] of manifest.items.entries()) {
      const inner: Locate = (path) => locate(['items', index, ...path])
      checkObject(item, `${source}, item ${index + 1}`, inner, found)
    }
    return
  }
  const foreign = whyForeign(manifest)
  if (foreign !== undefined) {
    found.skipped.push({ source, message: foreign })
    return
  }
  const result = modelSchema.safeParse(manifest)
  const faults = [
    ...headFaults(manifest),
    ...(result.success
      ? nameFaults(result.data)
      : explain(
          result.error.issues.filter(({ path }) => path[0] !== 'apiVersion' && path[0] !== 'kind'),
          manifest,
          () => knownFields,
          mayBeSecret,
        )),
  ]
  for (const fault of faults) {
    const line = locate(fault.path)
    const place = line === undefined ? source : `${source}, line ${line}`
    found.problems.push({ source: place, message: fault.message })
  }
  if (faults.length === 0 && result.success) found.models.push({ model: result.data, source })
}

function isList(manifest: Record<string, unknown>): manifest is { items: unknown[] } {
  const isListKind = manifest.kind === 'List' || manifest.kind === `${kind}List`
  return isListKind && Array.isArray(manifest.items)
}

/** Undefined when the manifest is, or was meant to be, one of ours. */
function whyForeign(manifest: Record<string, unknown>): string | undefined {
  if (manifest.kind === kind || isOurs(manifest.apiVersion)) {
    return undefined
  }
  if (typeof manifest.kind === 'string') return `is a ${manifest.kind}, not a ${kind}`
  return manifest.spec === undefined ? `has no kind; is not a ${kind}` : undefined
}

function isOurs(given: unknown): boolean {
  return typeof given === 'string' && given.startsWith(`${apiGroup}/`)
}

function headFaults(manifest: Record<string, unknown>): Fault[] {
  const faults: Fault[] = []
  for (const [field, expected] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    const given = manifest[field]
    if (given === expected) continue
    const what = given === undefined ? 'is missing' : `${JSON.stringify(given)} is not known here`
    faults.push({ path: [field], message: `${field}: ${what}; expected ${expected}` })
  }
  for (const field of Object.keys(manifest).filter((field) => !topFields.has(field))) {
    const isSpecField = knownFields.includes(field)
    const hint = isSpecField ? '; it belongs below spec' : didYouMean(field, topFields)
    faults.push({ path: [field], message: `${field}: unknown field${hint}` })
  }
  return faults
}

function nameFaults({ spec }: VllmModel): Fault[] {
  const names = [spec.servedModelName, ...spec.aliases]
  return spec.aliases.flatMap((alias, index) =>
    names.indexOf(alias) === index + 1
      ? []
      : [
          {
            path: ['spec', 'aliases', index],
            message: `spec.aliases[${index}]: ${alias} is already a name of this model`,
          },
        ],
  )
}

/** Of the field, or of the nearest thing around it that is written down. */
function lineOf(
  document: Document,
  path: readonly PropertyKey[],
  lines: LineCounter,
): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true)
    const key = path[length - 1]
    const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === key) : undefined
    const node = pair?.key ?? document.getIn(path.slice(0, length), true)
    const range = (node as { range?: readonly number[] } | undefined)?.range
    if (range?.[0] !== undefined) return lines.linePos(range[0]).line
  }
  return undefined
}
