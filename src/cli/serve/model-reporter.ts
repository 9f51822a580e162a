import type { BackendFact } from '../../../machines/index.ts'
import type { Transition } from '../../admission/index.ts'
import type { Catalogue } from '../../catalogue/index.ts'
import type { ModelStatusWriter } from '../../drivers/kubernetes/index.ts'
import type { BackendStatus } from '../../operations/index.ts'
import { modelReports } from './model-reports.ts'

/** Each request is two steps of a chart; looking at everything twice for each would be work for nothing. */
const soonMs = 100
/** Within the minute that `lastUsed` is true to, and for what no step tells: who leads. */
const againMs = 10_000

/** Listens to what becomes of the models, and hands it on to their VLLMModels. */
export interface ModelReporter {
  /** From now on there are backends to look at. */
  attach(fleet: { status(): readonly BackendStatus[] }): void
  onFact(fact: BackendFact): void
  onTransition(transition: Transition): void
  /** Says the last of it. */
  close(): void
}

export function createModelReporter(
  catalogue: Pick<Catalogue, 'models' | 'problems' | 'subscribe'>,
  writer: Pick<ModelStatusWriter, 'report' | 'event'>,
): ModelReporter {
  const history = { lastUsed: new Map<string, Date>(), lastLoadMs: new Map<string, number>() }
  /** Backends that were seen to start; what was found ready has taken nobody's time. */
  const starting = new Set<string>()
  /** By backend, until it has really gone. */
  const loaded = new Map<string, string>()
  let status: () => readonly BackendStatus[] = () => []
  let soon: NodeJS.Timeout | undefined

  const stopListening = catalogue.subscribe(reportSoon)
  const again = setInterval(report, againMs).unref()

  function reportSoon(): void {
    soon ??= setTimeout(report, soonMs).unref()
  }

  function report(): void {
    clearTimeout(soon)
    soon = undefined
    const backends = status()
    // Before it is attached, that nothing runs is not known.
    if (backends.length === 0) return
    for (const { model, leases } of backends) if (model !== undefined && leases > 0) used(model)
    writer.report(modelReports(backends, catalogue, history))
  }

  function used(model: string): void {
    if (catalogue.models.has(model)) history.lastUsed.set(model, new Date())
  }

  function tell(model: string, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const source = catalogue.models.get(model)?.source
    if (source !== undefined) writer.event(source, type, reason, message)
  }

  function tellReady(backend: string, model: string, loadMs: number): void {
    loaded.set(backend, model)
    if (!starting.delete(backend)) return
    history.lastLoadMs.set(model, loadMs)
    tell(model, 'Normal', 'Loaded', `loaded on ${backend} in ${Math.round(loadMs / 1_000)} s`)
  }

  return {
    attach(fleet) {
      status = () => fleet.status()
      report()
    },
    onFact(fact) {
      if (fact.type === 'ready') {
        tellReady(fact.backend, fact.model, fact.loadMs)
      } else if (fact.type === 'start failed') {
        tell(fact.failure.model, 'Warning', 'Failed', fact.failure.message)
      } else if (fact.type === 'models refused') {
        const failures = status().find(({ name }) => name === fact.backend)?.failures ?? []
        for (const { model, message } of failures) {
          if (fact.models.includes(model)) tell(model, 'Warning', 'Failed', message)
        }
      } else if (fact.type === 'replica lost') {
        loaded.delete(fact.backend)
        tell(fact.model, 'Warning', 'Lost', fact.message)
      }
      reportSoon()
    },
    onTransition({ backend, from, to, model, because }) {
      if (to === 'scalingUp') starting.add(backend)
      if (from === 'ready.serving' && model !== undefined) used(model)
      const gone = to === 'cold' || to === 'creatingResources' ? loaded.get(backend) : undefined
      if (gone !== undefined) {
        loaded.delete(backend)
        tell(gone, 'Normal', 'Unloaded', `${backend} has let go of it: ${because}`)
      }
      reportSoon()
    },
    close() {
      stopListening()
      clearInterval(again)
      report()
    },
  }
}
