import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { revisionOf, vllmArguments } from '../../../src/catalogue/index.ts'
import { model } from './manifest.ts'

const specs = fc.record(
  {
    maxNumSeqs: fc.integer({ min: 1, max: 3 }),
    gpuMemoryUtilization: fc.constantFrom(0.5, 1),
    toolCallParser: fc.constantFrom('', 'hermes'),
    enableAutoToolChoice: fc.boolean(),
    aliases: fc.uniqueArray(fc.constantFrom('x', 'y'), { maxLength: 2 }),
    env: fc.dictionary(fc.constantFrom('A', 'B'), fc.constantFrom('1', '2')),
    command: fc.constantFrom('run', 'walk'),
    image: fc.constantFrom('i', 'j'),
    gpuCount: fc.constantFrom(1, 2),
    podTemplate: fc.constantFrom({}, { spec: { a: 1, b: [2] } }, { spec: { b: [2], a: 1 } }),
    extraArgs: fc.array(fc.constantFrom('-x', '-y'), { maxLength: 2 }),
  },
  { requiredKeys: [] },
)
const ours = fc.record({
  idleTimeout: fc.constantFrom('1s', '2s'),
  startTimeout: fc.constantFrom('1s', '2s'),
  priority: fc.integer(),
  maxInFlight: fc.integer({ min: 1 }),
})

/** What is seen by the process that is started. */
function launch(spec: object): unknown {
  const manifest = model('a', { ...spec })
  const { env, command, image, gpuCount, podTemplate } = manifest.spec
  return { args: vllmArguments(manifest), env, command, image, gpuCount, podTemplate }
}

describe('the revision', () => {
  test('differs exactly when the process would be started differently', () => {
    fc.assert(
      fc.property(specs, specs, (one, other) => {
        const isSame = revisionOf(model('a', one)) === revisionOf(model('a', other))
        expect(isSame).toBe(
          JSON.stringify(sorted(launch(one))) === JSON.stringify(sorted(launch(other))),
        )
      }),
      { numRuns: 500 },
    )
  })

  test('ignores timeouts, priority and leases', () => {
    fc.assert(
      fc.property(specs, ours, (spec, times) => {
        expect(revisionOf(model('a', { ...spec, ...times }))).toBe(revisionOf(model('a', spec)))
      }),
    )
  })

  test('ignores the order in which the environment is written', () => {
    expect(revisionOf(model('a', { env: { A: '1', B: '2' } }))).toBe(
      revisionOf(model('a', { env: { B: '2', A: '1' } })),
    )
  })

  // What runs in a cluster since an earlier release would be loaded anew.
  test('of a model is what it was in earlier releases', () => {
    expect(revisionOf(model('a', { env: { B: '2', A: '1' }, image: 'i' }))).toBe('8d7d9cb59113')
  })
})

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}
