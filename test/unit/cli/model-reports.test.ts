import { describe, expect, it } from 'vitest'
import type { CatalogueProblem } from '../../../src/catalogue/index.ts'
import { modelReports } from '../../../src/cli/serve/model-reports.ts'
import type { BackendStatus } from '../../../src/operations/index.ts'
import { entry } from '../catalogue/manifest.ts'

function backend(state: string, changes: Partial<BackendStatus> = {}): BackendStatus {
  return {
    name: 'vllm',
    state,
    generation: 1,
    held: false,
    since: '2026-06-01T12:00:00Z',
    endpoints: [],
    leases: 0,
    waiting: [],
    blocking: [],
    failures: [],
    ...changes,
  }
}

const failure = {
  model: 'a',
  reason: 'image_pull',
  message: 'no such image',
  log: [],
  attempts: 1,
  at: '2026-06-01T12:00:00Z',
  retryInMs: 0,
}

function reportsOn(
  backends: BackendStatus[],
  problems: CatalogueProblem[] = [],
  models: string[] = ['a'],
) {
  const entries = models.map((name) => [name, entry(name, {}, `ai/${name}`)] as const)
  const catalogue = { models: new Map(entries), problems }
  const history = {
    lastUsed: new Map([['a', new Date(5_000)]]),
    lastLoadMs: new Map([['a', 48_400]]),
  }
  return modelReports(backends, catalogue, history)
}

const holding = (report: ReturnType<typeof reportsOn>[0] | undefined) =>
  (['ready', 'loading', 'failed'] as const).filter((condition) => report?.[condition].holds)

describe('what is said of a model', () => {
  it.each<[string, BackendStatus, string, string[], string]>([
    ['cold', backend('cold'), 'Pending', [], 'is loaded when somebody asks'],
    ['another one', backend('ready.serving', { model: 'b' }), 'Pending', [], 'is loaded when'],
    ['serving', backend('ready.serving', { model: 'a' }), 'Ready', ['ready'], 'loaded on vllm'],
    ['quiet', backend('ready.quiet', { model: 'a' }), 'Ready', ['ready'], 'loaded on vllm'],
    ['rechecked', backend('idle.rechecking', { model: 'a' }), 'Ready', ['ready'], 'loaded'],
    [
      'begun',
      backend('creatingResources', { model: 'a' }),
      'Loading',
      ['loading'],
      'its Deployment',
    ],
    [
      'loading',
      backend('scalingUp', { model: 'a', progress: { phase: 'image', elapsedMs: 1 } }),
      'Loading',
      ['loading'],
      'on vllm: its image is pulled',
    ],
    [
      'slow',
      backend('scalingUp', {
        model: 'a',
        progress: { phase: 'scheduling', detail: '0/1 nodes are available', elapsedMs: 1 },
      }),
      'Loading',
      ['loading'],
      '0/1 nodes are available',
    ],
    [
      'next',
      backend('switchingModel.draining', { model: 'b', target: 'a' }),
      'Loading',
      ['loading'],
      'vllm lets go of b first',
    ],
    [
      'turned from',
      backend('switchingModel.draining', { model: 'a', target: 'b', because: 'b: somebody waits' }),
      'Unloading',
      [],
      'vllm lets go of it: b: somebody waits',
    ],
    ['ending', backend('idle.scalingDown', { model: 'a' }), 'Unloading', [], 'vllm lets go of it'],
    ['failed', backend('cold', { failures: [failure] }), 'Failed', ['failed'], 'no such image'],
    [
      'tried again',
      backend('scalingUp', { model: 'a', failures: [failure] }),
      'Loading',
      ['loading', 'failed'],
      'on vllm',
    ],
    ['held', backend('cold', { held: true }), 'Pending', [], 'an operator keeps vllm down'],
    ['nobody’s', backend('cold', { models: ['b'] }), 'Pending', [], 'no backend may serve it'],
  ])('that is %s: phase, conditions and why', (_, status, phase, conditions, message) => {
    const [report] = reportsOn([status])
    expect(report).toMatchObject({
      source: 'ai/a',
      phase,
      lastUsed: new Date(5_000),
      lastLoadSeconds: 48,
    })
    expect(report?.message).toContain(message)
    expect(holding(report)).toEqual(conditions)
    expect(report?.backend).toBe(['Pending', 'Failed'].includes(phase) ? undefined : 'vllm')
  })

  it('has reasons in one word for programs', () => {
    const [failed] = reportsOn([backend('cold', { failures: [failure] })])
    expect(failed?.failed).toEqual({ holds: true, reason: 'ImagePull', message: 'no such image' })
    const progress = { phase: 'loading', elapsedMs: 1 }
    const [loading] = reportsOn([backend('scalingUp', { model: 'a', progress })])
    expect(loading?.loading.reason).toBe('LoadingWeights')
    expect(loading?.failed).toMatchObject({ holds: false, reason: 'NoFailure' })
  })

  it('is the best that any backend has of it', () => {
    const [report] = reportsOn([
      backend('cold', { failures: [failure] }),
      backend('scalingUp', { name: 'second', model: 'a' }),
      backend('ready.quiet', { name: 'third', model: 'a' }),
    ])
    expect(report).toMatchObject({ phase: 'Ready', backend: 'third' })
  })
})

describe('what is said of a manifest that is not used', () => {
  it('is why, and whether it is the manifest or its name', () => {
    const [, invalid, taken] = reportsOn(
      [backend('cold')],
      [
        { source: 'ai/b', message: 'spec.maxModelLen: too small' },
        { source: 'ai/b', message: 'spec.dtype: unknown' },
        { source: 'ai/c', message: 'the name a already belongs', nameIsTaken: true },
      ],
    )
    expect(invalid).toMatchObject({
      source: 'ai/b',
      phase: 'Failed',
      message: 'spec.maxModelLen: too small; spec.dtype: unknown',
      failed: { holds: true, reason: 'InvalidManifest' },
    })
    expect(taken).toMatchObject({ source: 'ai/c', failed: { holds: true, reason: 'NameTaken' } })
  })

  it('does not hide that its last valid version is loaded', () => {
    const [report, ...others] = reportsOn(
      [backend('ready.serving', { model: 'a' })],
      [{ source: 'ai/a', message: 'spec.dtype: unknown' }],
    )
    expect(others).toEqual([])
    expect(report).toMatchObject({
      phase: 'Failed',
      message: 'spec.dtype: unknown; the last valid version stays in force',
      backend: 'vllm',
    })
    expect(holding(report)).toEqual(['ready', 'failed'])
  })
})
