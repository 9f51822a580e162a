import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openClusterCatalogue } from '../../../../../src/drivers/kubernetes/models/index.ts'
import { StoredModels } from './stored-models.ts'

const defaults = { idleTimeoutMs: 300_000, startTimeoutMs: 600_000 }
let stored: StoredModels

beforeEach(() => {
  stored = new StoredModels()
})

async function open() {
  const catalogue = await openClusterCatalogue({ api: stored.api, defaults })
  onTestFinished(() => catalogue.close())
  return catalogue
}

const names = ({ models }: { models: ReadonlyMap<string, unknown> }) => [...models.keys()]

describe('the VLLMModels of a namespace', () => {
  it('are known after opening, with where they come from and since when they are there', async () => {
    stored.put('a', { aliases: ['first'] }, '2026-03-01T00:00:00Z')
    const catalogue = await open()
    expect(catalogue.find('first')).toMatchObject({
      name: 'a',
      source: 'ai/a',
      createdAt: Date.parse('2026-03-01T00:00:00Z') / 1000,
      facts: { idleTimeoutMs: 300_000 },
    })
  })

  it('are followed as they come, change and go, without touching the others', async () => {
    stored.put('a')
    const catalogue = await open()
    const changes = vi.fn()
    catalogue.subscribe(changes)
    const a = catalogue.find('a')
    stored.put('b')
    expect(names(catalogue)).toEqual(['a', 'b'])
    stored.put('b', { priority: 3 })
    expect(catalogue.find('b')?.facts.priority).toBe(3)
    stored.remove('b')
    expect(names(catalogue)).toEqual(['a'])
    expect(catalogue.find('a')).toBe(a)
    expect(changes).toHaveBeenCalledTimes(3)
  })

  it('are not changed by a status, of which only who looks at the objects is told', async () => {
    stored.put('a')
    const catalogue = await open()
    const changes = vi.fn()
    const looks = vi.fn()
    catalogue.subscribe(changes)
    catalogue.live.onChange(looks)
    stored.setStatus('a', { phase: 'Ready' })
    expect(changes).not.toHaveBeenCalled()
    expect(looks).toHaveBeenCalledTimes(1)
    expect(catalogue.live.objects.get('a')?.status).toEqual({ phase: 'Ready' })
  })

  it('keep what was good when one breaks, say what is wrong, and follow it when it is mended', async () => {
    stored.put('a')
    const catalogue = await open()
    const a = catalogue.find('a')
    stored.put('a', { maxModelLen: 12 })
    expect(catalogue.find('a')).toBe(a)
    expect(catalogue.problems).toEqual([
      { source: 'ai/a', message: 'spec.maxModelLen: 12 is too small; at least 512 is allowed' },
    ])
    stored.put('a', { maxModelLen: 1024 })
    expect(catalogue.problems).toEqual([])
    expect(catalogue.find('a')?.manifest.spec.maxModelLen).toBe(1024)
  })

  it('give a name to the one that was created first, whatever comes first in a list', async () => {
    stored.put('a', { servedModelName: 'same' }, '2026-02-01T00:00:00Z')
    stored.put('z', { servedModelName: 'same' }, '2026-01-01T00:00:00Z')
    const catalogue = await open()
    expect(catalogue.find('same')?.source).toBe('ai/z')
    expect(catalogue.problems).toEqual([
      {
        source: 'ai/a',
        message: expect.stringContaining('belongs to the older model of ai/z') as unknown,
        nameIsTaken: true,
      },
    ])
    stored.remove('z')
    expect(catalogue.find('same')?.source).toBe('ai/a')
    expect(catalogue.problems).toEqual([])
  })

  it('come to the same order in every program, also when two are of one second', async () => {
    stored.put('b', { servedModelName: 'same' })
    const early = await open()
    stored.put('a', { servedModelName: 'same' })
    const late = await open()
    expect(early.find('same')?.source).toBe('ai/a')
    expect(late.find('same')?.source).toBe('ai/a')
  })

  it('keep their age when their names change, and lose it when they are made anew', async () => {
    stored.put('a', { servedModelName: 'x' }, '2026-01-01T00:00:00Z')
    stored.put('b', { servedModelName: 'same' }, '2026-02-01T00:00:00Z')
    const catalogue = await open()
    stored.put('a', { servedModelName: 'same' })
    expect(catalogue.find('same')?.source).toBe('ai/a')
    stored.remove('a')
    stored.put('a', { servedModelName: 'same' }, '2026-03-01T00:00:00Z')
    expect(catalogue.find('same')?.source).toBe('ai/b')
  })

  it('are gone when their removal begins, however long a finalizer takes', async () => {
    stored.put('a')
    const catalogue = await open()
    stored.beginRemoval('a')
    expect(names(catalogue)).toEqual([])
    expect(catalogue.live.objects.has('a')).toBe(true)
  })

  it('are followed no more once closed', async () => {
    const catalogue = await open()
    const looks = vi.fn()
    catalogue.subscribe(looks)
    catalogue.live.onChange(looks)
    await catalogue.close()
    stored.put('a')
    expect(looks).not.toHaveBeenCalled()
  })
})
