import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../..')

/** What each room may import beside itself. Whatever is not listed may import nothing of ours. */
const mayImport: Record<string, readonly string[]> = {
  machines: [],
  errors: [],
  simulator: [],
  telemetry: ['errors'],
  config: ['errors'],
  catalogue: ['machines', 'errors', 'config', 'telemetry'],
  'drivers/engine': ['machines'],
  'drivers/process': ['machines', 'errors', 'config', 'catalogue', 'telemetry', 'drivers/engine'],
  'drivers/kubernetes': [
    'machines',
    'errors',
    'config',
    'catalogue',
    'telemetry',
    'drivers/engine',
  ],
  installation: ['machines', 'errors', 'config', 'catalogue', 'telemetry', 'drivers/kubernetes'],
  charts: ['machines'],
  admission: ['machines', 'errors', 'config', 'catalogue', 'telemetry'],
  proxy: ['machines', 'errors', 'config', 'catalogue', 'telemetry', 'admission'],
  operations: ['machines', 'errors', 'config', 'catalogue', 'telemetry', 'admission', 'charts'],
  events: ['machines', 'errors', 'catalogue', 'admission', 'proxy', 'operations'],
  page: [],
  schedule: ['config'],
  planning: ['machines', 'errors', 'config', 'catalogue', 'telemetry', 'admission', 'schedule'],
  tracing: ['machines', 'admission', 'proxy'],
  inspector: ['errors', 'telemetry', 'operations'],
  metrics: ['machines', 'errors', 'catalogue', 'admission', 'proxy', 'operations'],
}

interface Import {
  readonly file: string
  readonly target: string
  readonly from: string
  readonly to: string
}

/** `machines`, or the first folder below `src`; each driver is a room of its own. */
function roomOf(file: string): string {
  const [top, room = '', inner = ''] = file.split('/')
  if (top === 'machines') return 'machines'
  return room === 'drivers' ? `drivers/${inner}` : room
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const specifiers = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(?<specifier>\.[^']+\.tsx?)'/g)
  return Array.from(specifiers, ({ groups }) => {
    const target = relative(root, join(root, dirname(file), groups?.['specifier'] ?? ''))
    return { file, target, from: roomOf(file), to: roomOf(target) }
  })
}

const files = globSync(['machines/**/*.ts', 'src/**/*.{ts,tsx}'], { cwd: root })
const crossing = files.flatMap(importsOf).filter(({ from, to }) => from !== to)

describe('rooms', () => {
  it('are looked through: there are files, and imports between them', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(crossing.length).toBeGreaterThan(20)
  })

  it('import in one direction', () => {
    const wrong = crossing
      .filter(({ from, to }) => from !== 'cli' && !mayImport[from]?.includes(to))
      .map(({ file, target }) => `${file} may not import ${target}`)
    expect(wrong).toEqual([])
  })

  it('are entered through their index.ts only', () => {
    const wrong = crossing
      .filter(({ target }) => !/^(machines|src\/(drivers\/)?[^/]+)\/index\.ts$/.test(target))
      // What the package exports beside the charts must not lead to XState's types.
      .filter(({ file }) => file !== 'src/cli/library.ts')
      .map(({ file, target }) => `${file} imports ${target} past the door`)
    expect(wrong).toEqual([])
  })

  it('form no cycle, by what the table allows', () => {
    const settled: string[] = []
    const open = new Set(Object.keys(mayImport))
    for (let before = -1; before !== settled.length;) {
      before = settled.length
      for (const room of open) {
        if (mayImport[room]?.every((other) => settled.includes(other))) {
          settled.push(room)
          open.delete(room)
        }
      }
    }
    expect([...open]).toEqual([])
  })

  it('know of each other what the table says, and nothing imports the command line', () => {
    const known = new Set([...Object.keys(mayImport), 'cli'])
    expect(files.map(roomOf).filter((room) => !known.has(room))).toEqual([])
    expect(crossing.filter(({ to }) => to === 'cli')).toEqual([])
  })
})
