import { defaultBackendSettings, type BackendDefinition } from '../../../machines/index.ts'
import type { Catalogue, CatalogueModel } from '../../catalogue/index.ts'
import { commandOf, vllmArguments } from '../../catalogue/index.ts'
import { resolveCommand, type BackendSettings, type Settings } from '../../config/index.ts'
import type { LaunchPlan, ProcessBackend } from '../../drivers/process/index.ts'

/** Beyond the grace, for a killed process group to be gone before an unload counts as overdue. */
const unloadMarginMs = 30_000

/** The backends as the fleet knows them. */
export function definitionsOf(settings: Settings, catalogue: Catalogue): BackendDefinition[] {
  return settings.backends.map((backend) => ({
    name: backend.name,
    models: modelsOf(backend, settings, catalogue),
    settings: {
      ...defaultBackendSettings,
      maxWaitMs: settings.maxWaitMs,
      drainDeadlineMs: settings.drainDeadlineMs,
      drainDeadlineAction: settings.drainDeadlineAction,
      unloadDeadlineMs: settings.terminationGraceMs + unloadMarginMs,
      ...(backend.idleTimeoutMs !== undefined && { idleTimeoutMs: backend.idleTimeoutMs }),
    },
  }))
}

/** Without switching, a backend serves one model: the default one, or the first it may serve. */
function modelsOf(
  { models }: BackendSettings,
  { enableModelSwitch, defaultModel }: Settings,
  catalogue: Catalogue,
): readonly string[] | undefined {
  if (enableModelSwitch) return models
  const able = models ?? [...catalogue.models.keys()]
  const only = defaultModel !== undefined && able.includes(defaultModel) ? defaultModel : able[0]
  return only === undefined ? [] : [only]
}

/** The backends as the process driver runs them. */
export function processBackends(settings: Settings): Record<string, ProcessBackend> {
  return Object.fromEntries(
    settings.backends.map(({ name, command, gpus, env }) => [
      name,
      { command: resolveCommand(command), gpus, env },
    ]),
  )
}

export function launchPlan({
  manifest,
  facts,
  maxInFlight,
  name,
  aliases,
}: CatalogueModel): LaunchPlan {
  const command = commandOf(manifest)
  return {
    arguments: vllmArguments(manifest),
    env: manifest.spec.env,
    revision: facts.revision,
    maxInFlight,
    command: command && resolveCommand(command),
    servedNames: [name, ...aliases],
  }
}
