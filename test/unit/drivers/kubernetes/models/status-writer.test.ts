import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { statusSchema } from '../../../../../src/catalogue/index.ts'
import { ApiFault } from '../../../../../src/drivers/kubernetes/api/index.ts'
import {
  createModelStatus,
  type ModelReport,
  type ModelStatusWriter,
} from '../../../../../src/drivers/kubernetes/models/index.ts'
import { StoredModels } from './stored-models.ts'

const start = new Date('2026-06-01T12:00:00Z')
const log = { info: vi.fn(), warn: vi.fn() }
let stored: StoredModels
let writer: ModelStatusWriter
let leads: boolean

beforeEach(() => {
  vi.useFakeTimers({ now: start })
  vi.clearAllMocks()
  leads = true
  stored = new StoredModels()
  stored.put('a')
  stored.put('b')
  stored.tell()
  writer = createModelStatus({ api: stored.api, live: stored.live, leads: () => leads, log })
})

afterEach(async () => {
  await writer.close()
  vi.useRealTimers()
})

function report(name: string, changes: Partial<ModelReport> = {}): ModelReport {
  const not = { holds: false, reason: 'NotLoaded', message: 'is loaded when somebody asks for it' }
  return {
    source: `ai/${name}`,
    phase: 'Pending',
    message: not.message,
    ready: not,
    loading: not,
    failed: not,
    ...changes,
  }
}

const isReady = (name: string, changes: Partial<ModelReport> = {}) => {
  const loaded = { holds: true, reason: 'Loaded', message: 'loaded on vllm' }
  return report(name, {
    phase: 'Ready',
    message: loaded.message,
    backend: 'vllm',
    ready: loaded,
    ...changes,
  })
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

const conditionOf = (name: string, type: string) =>
  (stored.statusOf(name)['conditions'] as { type: string }[]).find((one) => one.type === type)

describe('the status of a VLLMModel', () => {
  it('says what is reported, as its schema has it', async () => {
    writer.report([isReady('a', { lastUsed: start, lastLoadSeconds: 48 })])
    await pass(1_000)
    expect(stored.statusOf('a')).toEqual({
      phase: 'Ready',
      message: 'loaded on vllm',
      backend: 'vllm',
      lastUsed: '2026-06-01T12:00:00Z',
      lastLoadSeconds: 48,
      observedGeneration: 1,
      lastUpdated: '2026-06-01T12:00:00Z',
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Loaded',
          message: 'loaded on vllm',
          lastTransitionTime: '2026-06-01T12:00:00Z',
          observedGeneration: 1,
        },
        expect.objectContaining({ type: 'Loading', status: 'False' }),
        expect.objectContaining({ type: 'Failed', status: 'False' }),
      ],
    })
    expect(() => statusSchema.parse(stored.statusOf('a'))).not.toThrow()
  })

  it('is written once for steps that follow each other at once', async () => {
    writer.report([report('a', { phase: 'Loading', message: 'first' })])
    writer.report([report('a', { phase: 'Loading', message: 'second' })])
    await pass(100)
    writer.report([isReady('a')])
    await pass(1_000)
    expect(stored.writes.map(({ status }) => status['phase'])).toEqual(['Ready'])
  })

  it('is not written when it is so already, by whomever', async () => {
    writer.report([isReady('a')])
    await pass(1_000)
    const { status } = stored.objects.get('a')!
    stored.setStatus('b', structuredClone(status))
    writer.report([isReady('a'), isReady('b')])
    await pass(120_000)
    expect(stored.writes.map(({ name }) => name)).toEqual(['a'])
  })

  it('is written anew where somebody else has changed it, and only what differs', async () => {
    writer.report([isReady('a')])
    await pass(1_000)
    stored.setStatus('a', { ...stored.statusOf('a'), phase: 'Failed' })
    await pass(1_000)
    expect(stored.writes[1]?.status).toEqual({
      phase: 'Ready',
      lastUpdated: '2026-06-01T12:00:01Z',
    })
    stored.setStatus('a', undefined)
    await pass(1_000)
    expect(stored.statusOf('a')).toMatchObject({ phase: 'Ready', backend: 'vllm' })
  })

  it('loses what is so no more, and keeps what nobody knows better', async () => {
    writer.report([isReady('a', { lastUsed: start, lastLoadSeconds: 48 })])
    await pass(1_000)
    writer.report([report('a')])
    await pass(1_000)
    expect(stored.statusOf('a')).toMatchObject({
      phase: 'Pending',
      lastUsed: '2026-06-01T12:00:00Z',
      lastLoadSeconds: 48,
    })
    expect(stored.statusOf('a')).not.toHaveProperty('backend')
  })

  it('keeps the time of a condition while it stays true or false, whatever is said of it', async () => {
    writer.report([report('a')])
    await pass(60_000)
    const loading = { holds: false, reason: 'Loading', message: 'on its way' }
    writer.report([report('a', { ready: loading })])
    await pass(60_000)
    expect(conditionOf('a', 'Ready')).toMatchObject({
      reason: 'Loading',
      lastTransitionTime: '2026-06-01T12:00:00Z',
    })
    writer.report([isReady('a')])
    await pass(1_000)
    expect(conditionOf('a', 'Ready')).toMatchObject({
      status: 'True',
      lastTransitionTime: '2026-06-01T12:02:00Z',
    })
  })

  it('leaves the conditions of others where they are', async () => {
    const theirs = {
      type: 'Approved',
      status: 'True',
      reason: 'Yes',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    }
    stored.setStatus('a', { conditions: [theirs] })
    writer.report([report('a')])
    await pass(1_000)
    expect(conditionOf('a', 'Approved')).toEqual(theirs)
    expect(conditionOf('a', 'Ready')).toBeDefined()
    await pass(60_000)
    expect(stored.writes.length).toBe(1)
  })

  it('replaces what nobody can read', async () => {
    stored.setStatus('a', { phase: 'Fine', conditions: 'none' })
    writer.report([report('a')])
    await pass(1_000)
    expect(stored.statusOf('a')).toMatchObject({ phase: 'Pending' })
  })

  it('says its last use at most once a minute, unless there is other news, and never an older one', async () => {
    const at = (seconds: number) => new Date(start.getTime() + seconds * 1_000)
    writer.report([isReady('a', { lastUsed: at(0) })])
    await pass(1_000)
    writer.report([isReady('a', { lastUsed: at(59) })])
    await pass(1_000)
    expect(stored.statusOf('a')['lastUsed']).toBe('2026-06-01T12:00:00Z')
    writer.report([isReady('a', { lastUsed: at(60) })])
    await pass(1_000)
    expect(stored.statusOf('a')['lastUsed']).toBe('2026-06-01T12:01:00Z')
    writer.report([report('a', { lastUsed: at(65) })])
    await pass(1_000)
    expect(stored.statusOf('a')['lastUsed']).toBe('2026-06-01T12:01:05Z')
    writer.report([isReady('a', { lastUsed: at(30) })])
    await pass(1_000)
    expect(stored.statusOf('a')['lastUsed']).toBe('2026-06-01T12:01:05Z')
  })

  it('speaks of the manifest as it is now', async () => {
    writer.report([report('a')])
    await pass(1_000)
    stored.put('a', { priority: 1 })
    await pass(1_000)
    expect(stored.statusOf('a')['observedGeneration']).toBe(2)
    expect(conditionOf('a', 'Failed')).toMatchObject({ observedGeneration: 2 })
  })

  it('is written once where the watch has not yet told of the write', async () => {
    stored.tellsAtOnce = false
    writer.report([isReady('a')])
    await pass(1_000)
    writer.report([isReady('a')])
    await pass(60_000)
    expect(stored.writes.length).toBe(1)
  })

  it('is not written over and over where the schema of the server lacks a field', async () => {
    stored.unknownFields = ['conditions', 'backend']
    writer.report([isReady('a')])
    await pass(60_000)
    writer.report([isReady('a')])
    stored.tell()
    await pass(60_000)
    expect(stored.writes.length).toBe(1)
  })

  it('is tried again until it is taken, in ever longer pauses, with one line in the log', async () => {
    stored.fault = new ApiFault({ code: 500, message: 'etcd is away' })
    writer.report([report('a')])
    await pass(40_000)
    const tries = stored.writes.length
    expect(tries).toBeGreaterThan(3)
    expect(tries).toBeLessThan(9)
    expect(log.warn.mock.calls).toEqual([
      [{ source: 'ai/a' }, 'the status of ai/a cannot be written: etcd is away'],
    ])
    stored.fault = undefined
    // What is reported meanwhile does not make it hurry, but is what is written.
    writer.report([isReady('a')])
    await pass(60_000)
    expect(stored.statusOf('a')).toMatchObject({ phase: 'Ready' })
    expect(log.info).toHaveBeenCalledTimes(1)
  })

  it('of one model does not suffer from that of another', async () => {
    const { patch } = stored.api
    vi.spyOn(stored.api, 'patch').mockImplementation(async (kind, name, merge) => {
      if (name === 'a') throw new ApiFault({ code: 422, message: 'not in the schema' })
      return await patch(kind, name, merge)
    })
    writer.report([report('a'), report('b')])
    await pass(1_000)
    expect(stored.statusOf('b')).toMatchObject({ phase: 'Pending' })
  })

  it('of what has gone meanwhile, or is in another place, is nobody’s concern', async () => {
    stored.tellsAtOnce = false
    stored.objects.delete('a')
    const removed = vi.spyOn(stored.api, 'patch').mockImplementation(async (_kind, name) => {
      stored.tell()
      throw new ApiFault({ code: 404, message: `${name} not found` })
    })
    writer.report([report('a'), { ...report('b'), source: 'models/b.yaml' }])
    await pass(60_000)
    expect(removed).toHaveBeenCalledTimes(1)
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('is the leader’s to write', async () => {
    leads = false
    writer.report([report('a')])
    await pass(60_000)
    expect(stored.writes).toEqual([])
    leads = true
    writer.report([report('a')])
    await pass(1_000)
    expect(stored.writes.length).toBe(1)
  })

  it('is written a last time at the end, and no more after it', async () => {
    writer.report([report('a')])
    await writer.close()
    expect(stored.statusOf('a')).toMatchObject({ phase: 'Pending' })
    writer.report([isReady('a')])
    stored.setStatus('a', {})
    await pass(60_000)
    expect(stored.writes.length).toBe(1)
  })

  it('does not hold up the end when the API does not answer', async () => {
    vi.spyOn(stored.api, 'patch').mockImplementation(
      (...[, , , call]: unknown[]) =>
        new Promise((_, reject) => {
          const { signal } = call as { signal: AbortSignal }
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    )
    writer.report([report('a')])
    const closed = writer.close()
    await pass(2_000)
    await closed
    expect(log.warn).not.toHaveBeenCalled()
  })
})

describe('an event', () => {
  it('is told on the object, so that kubectl shows it there', async () => {
    writer.event('ai/a', 'Warning', 'Failed', 'no such image')
    await pass(0)
    expect(stored.events).toEqual([
      expect.objectContaining({
        metadata: { name: expect.stringMatching(/^a\.[0-9a-f]{16}$/) as unknown, namespace: 'ai' },
        involvedObject: expect.objectContaining({
          kind: 'VLLMModel',
          name: 'a',
          namespace: 'ai',
          uid: stored.objects.get('a')!.metadata.uid,
        }) as unknown,
        type: 'Warning',
        reason: 'Failed',
        message: 'no such image',
        source: { component: 'vllm-chill' },
        firstTimestamp: start,
      }),
    ])
  })

  it('keeps to the lengths that the API takes', async () => {
    const name = `${'x'.repeat(235)}-tail`
    stored.put(name)
    writer.event(`ai/${name}`, 'Normal', 'Loaded', 'word '.repeat(1_000))
    await pass(0)
    const [event] = stored.events
    expect(event?.metadata.name).toMatch(/^x{235}\.[0-9a-f]{16}$/)
    expect(event?.message?.length).toBe(1024)
  })

  it('that cannot be written is a line in the log', async () => {
    stored.fault = new ApiFault({ code: 403, message: 'events is forbidden' })
    writer.event('ai/a', 'Normal', 'Loaded', 'on vllm')
    await pass(0)
    expect(log.warn.mock.calls).toEqual([
      [
        { source: 'ai/a', reason: 'Loaded' },
        'an event on ai/a cannot be written: events is forbidden',
      ],
    ])
  })

  it('is the leader’s to tell, of models that are there', async () => {
    writer.event('ai/none', 'Normal', 'Loaded', 'on vllm')
    leads = false
    writer.event('ai/a', 'Normal', 'Loaded', 'on vllm')
    await pass(0)
    expect(stored.events).toEqual([])
  })
})
