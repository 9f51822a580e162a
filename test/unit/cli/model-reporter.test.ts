import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Transition } from '../../../src/admission/index.ts'
import { createModelReporter, type ModelReporter } from '../../../src/cli/serve/model-reporter.ts'
import type { ModelStatusWriter } from '../../../src/drivers/kubernetes/index.ts'
import type { BackendStatus } from '../../../src/operations/index.ts'
import { entry } from '../catalogue/manifest.ts'

const start = new Date('2026-06-01T12:00:00Z')
let backend: BackendStatus
let reporter: ModelReporter
let changed: () => void
let writer: ReturnType<typeof deafWriter>

const deafWriter = () => ({
  report: vi.fn<ModelStatusWriter['report']>(),
  event: vi.fn<ModelStatusWriter['event']>(),
})

beforeEach(() => {
  vi.useFakeTimers({ now: start })
  backend = {
    name: 'vllm',
    state: 'cold',
    generation: 0,
    held: false,
    since: '2026-06-01T12:00:00Z',
    endpoints: [],
    leases: 0,
    waiting: [],
    blocking: [],
    failures: [],
  }
  writer = deafWriter()
  const catalogue = {
    models: new Map([['a', entry('a', {}, 'ai/a')]]),
    problems: [],
    subscribe(listener: () => void) {
      changed = listener
      return () => {
        changed = () => {}
      }
    },
  }
  reporter = createModelReporter(catalogue, writer)
})

afterEach(() => {
  reporter.close()
  vi.useRealTimers()
})

const attach = () => reporter.attach({ status: () => [backend] })

function step(from: string, to: string, model: string | undefined = 'a'): void {
  const transition: Transition = {
    backend: 'vllm',
    from,
    to,
    model,
    target: undefined,
    generation: 1,
    event: 'idle timeout',
    because: 'nobody asked for the idle timeout',
    afterMs: 0,
  }
  backend = { ...backend, state: to }
  if (model === undefined) delete backend.model
  else backend.model = model
  reporter.onTransition(transition)
}

const ready = (loadMs: number) =>
  reporter.onFact({ type: 'ready', backend: 'vllm', model: 'a', generation: 1, loadMs })

const last = () => writer.report.mock.lastCall?.[0][0]

describe('the reporter', () => {
  it('says nothing before there are backends to look at', () => {
    changed()
    vi.advanceTimersByTime(60_000)
    expect(writer.report).not.toHaveBeenCalled()
    attach()
    expect(last()).toMatchObject({ source: 'ai/a', phase: 'Pending' })
  })

  it('looks once for many steps, when the catalogue changes, and now and then', () => {
    attach()
    for (let request = 0; request < 10; request++) {
      step('ready.quiet', 'ready.serving')
      step('ready.serving', 'ready.quiet')
    }
    vi.advanceTimersByTime(1_000)
    expect(writer.report).toHaveBeenCalledTimes(2)
    changed()
    vi.advanceTimersByTime(1_000)
    expect(writer.report).toHaveBeenCalledTimes(3)
    vi.advanceTimersByTime(10_000)
    expect(writer.report).toHaveBeenCalledTimes(4)
  })

  it('tells how long a load took, and that it is loaded', () => {
    attach()
    step('creatingResources', 'scalingUp')
    ready(48_400)
    step('scalingUp', 'ready.quiet')
    vi.advanceTimersByTime(1_000)
    expect(last()).toMatchObject({ phase: 'Ready', lastLoadSeconds: 48 })
    expect(writer.event.mock.calls).toEqual([
      ['ai/a', 'Normal', 'Loaded', 'loaded on vllm in 48 s'],
    ])
  })

  it('makes no event of a model that was found loaded, but of its end', () => {
    attach()
    ready(0)
    expect(writer.event).not.toHaveBeenCalled()
    step('idle.rechecking', 'idle.scalingDown')
    expect(writer.event).not.toHaveBeenCalled()
    step('idle.scalingDown', 'cold', undefined)
    expect(writer.event.mock.calls).toEqual([
      ['ai/a', 'Normal', 'Unloaded', 'vllm has let go of it: nobody asked for the idle timeout'],
    ])
    expect(last()?.lastLoadSeconds).toBeUndefined()
  })

  it('tells of the one that a switch has unloaded', () => {
    attach()
    ready(0)
    step('switchingModel.unloading', 'creatingResources', 'b')
    expect(writer.event).toHaveBeenCalledWith('ai/a', 'Normal', 'Unloaded', expect.any(String))
  })

  it('tells of starts that failed or cannot be, and of what was lost', () => {
    attach()
    const failure = {
      model: 'a',
      reason: 'exited' as const,
      message: 'exit code 1',
      attempts: 1,
      at: 0,
      retryAt: 0,
    }
    reporter.onFact({ type: 'start failed', backend: 'vllm', failure })
    const refused = { ...failure, message: 'another image', log: [], at: '', retryInMs: 0 }
    backend.failures = [refused, { ...refused, model: 'gone' }]
    reporter.onFact({ type: 'models refused', backend: 'vllm', models: ['a', 'gone'] })
    ready(0)
    reporter.onFact({ type: 'replica lost', backend: 'vllm', model: 'a', message: 'pod deleted' })
    step('idle.scalingDown', 'cold', undefined)
    expect(writer.event.mock.calls).toEqual([
      ['ai/a', 'Warning', 'Failed', 'exit code 1'],
      ['ai/a', 'Warning', 'Failed', 'another image'],
      ['ai/a', 'Warning', 'Lost', 'pod deleted'],
    ])
  })

  it('knows the last use: while requests run, and when the last one ended', () => {
    attach()
    step('scalingUp', 'ready.quiet')
    vi.advanceTimersByTime(1_000)
    expect(last()?.lastUsed).toBeUndefined()
    backend.leases = 1
    step('ready.quiet', 'ready.serving')
    vi.advanceTimersByTime(29_000)
    expect(last()?.lastUsed).toEqual(new Date(start.getTime() + 30_000))
    vi.advanceTimersByTime(5_000)
    backend.leases = 0
    step('ready.serving', 'ready.quiet')
    vi.advanceTimersByTime(60_000)
    expect(last()?.lastUsed).toEqual(new Date(start.getTime() + 35_000))
  })

  it('says the last of it at the end, and nothing after it', () => {
    attach()
    step('ready.serving', 'ready.quiet')
    reporter.close()
    expect(last()?.lastUsed).toEqual(start)
    const { length } = writer.report.mock.calls
    changed()
    vi.advanceTimersByTime(60_000)
    expect(writer.report).toHaveBeenCalledTimes(length)
  })
})
