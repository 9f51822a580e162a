import type { BackendDefinition, BackendFact, Driver } from '../../../machines/index.ts'
import type { Fleet, Transition } from '../../admission/index.ts'
import { openFolderCatalogue, type Catalogue } from '../../catalogue/index.ts'
import { ConfigError, type Settings } from '../../config/index.ts'
import { createProcessDriver } from '../../drivers/process/index.ts'
import type { Log } from '../../telemetry/index.ts'
import { definitionsOf, launchPlan, processBackends } from './backends.ts'

/** Where models come from and where backends run. */
export interface Ground {
  readonly catalogue: Catalogue
  readonly driver: Driver
  readonly backends: readonly BackendDefinition[]
  /** Is told what becomes of the backends. */
  readonly onTransition?: (transition: Transition) => void
  readonly onFact?: (fact: BackendFact) => void
  /** Called once, before the first request; the ground may look at the fleet from then on. */
  readonly attach?: (fleet: Fleet) => void
  /** After the driver is closed. */
  close(): Promise<void>
}

/** Models of a folder, as processes of this machine. */
export async function openLocalGround(settings: Settings, log: Log): Promise<Ground> {
  if (settings.models === undefined) {
    throw new ConfigError([
      'models: say where the VLLMModel manifests are, with `--models DIR` or `models:` in the file',
    ])
  }
  const catalogue = await openFolderCatalogue({
    path: settings.models,
    defaults: settings,
    log: log.child({ room: 'catalogue' }),
  })
  const driver = createProcessDriver({
    stateDir: settings.stateDir,
    backends: processBackends(settings),
    modelOf: (name) => {
      const model = catalogue.models.get(name)
      return model && launchPlan(model)
    },
    terminationGraceMs: settings.terminationGraceMs,
    probeIntervalMs: settings.probeIntervalMs,
    backendApiKey: settings.backendApiKey,
    log: log.child({ room: 'driver' }),
    onLogLine: (backend, line) => log.debug({ backend }, line),
  })
  return {
    catalogue,
    driver,
    backends: definitionsOf(settings, catalogue),
    close: () => catalogue.close(),
  }
}
