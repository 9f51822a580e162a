import {
  defaultBackendSettings,
  type BackendDefinition,
  type PoolDefinition,
} from '../../../machines/index.ts'
import type { Catalogue, CatalogueModel } from '../../catalogue/index.ts'
import { commandOf, vllmArguments } from '../../catalogue/index.ts'
import {
  ConfigError,
  resolveCommand,
  type BackendSettings,
  type Settings,
} from '../../config/index.ts'
import type { LaunchPlan, ProcessBackend } from '../../drivers/process/index.ts'

/** Beyond the grace, for a killed process group to be gone before an unload counts as overdue. */
const unloadMarginMs = 30_000

/** The backends as the fleet knows them. */
export function definitionsOf(settings: Settings, catalogue: Catalogue): BackendDefinition[] {
  const pinned = settings.pinned.map((name) => catalogue.find(name)?.name ?? name)
  return settings.backends.map((backend) => {
    const only = settings.enableModelSwitch ? undefined : onlyModel(backend, settings, catalogue)
    return {
      name: backend.name,
      // Asked anew each time, since models come and go.
      get models() {
        return only ? only() : backend.models
      },
      ...poolOf(backend, settings),
      settings: {
        ...defaultBackendSettings,
        maxWaitMs: settings.maxWaitMs,
        minResidencyMs: settings.minResidencyMs,
        maxResidencyMs: settings.maxResidencyMs,
        loadingWeight: settings.loadingWeight,
        pinned,
        ...(settings.preemptAfterMs !== undefined && { preemptAfterMs: settings.preemptAfterMs }),
        drainDeadlineMs: settings.drainDeadlineMs,
        drainDeadlineAction: settings.drainDeadlineAction,
        minIdleReplicas: backend.minIdleReplicas ?? settings.minIdleReplicas,
        unloadDeadlineMs: settings.terminationGraceMs + unloadMarginMs,
        ...(backend.idleTimeoutMs !== undefined && { idleTimeoutMs: backend.idleTimeoutMs }),
      },
    }
  })
}

/** In a cluster, backends of no pool share what the cluster has, and only it knows how much that is. */
const clusterPool = ''

function poolOf(
  { pool, poolGpus: gpus }: BackendSettings,
  { driver }: Settings,
): Pick<BackendDefinition, 'pool'> {
  if (pool === undefined && driver === 'process') return {}
  return { pool: { name: pool ?? clusterPool, gpus } }
}

/** The pools as the fleet knows them. @throws ConfigError where this program sees too few devices */
export function poolsOf(
  { driver, gpuPools }: Settings,
  visible: string | undefined = process.env['CUDA_VISIBLE_DEVICES'],
): PoolDefinition[] {
  const pools = Object.entries(gpuPools).map(([name, { gpus, devices }]) => ({
    name,
    gpus,
    devices: driver === 'process' ? (devices ?? firstDevices(name, gpus, visible)) : [],
  }))
  if (driver === 'process') return pools
  return [...pools, { name: clusterPool, gpus: Infinity, devices: [] }]
}

function firstDevices(pool: string, gpus: number, visible: string | undefined): readonly string[] {
  const seen = visible ? visible.split(',') : Array.from({ length: gpus }, (_, at) => String(at))
  if (seen.length >= gpus) return seen.slice(0, gpus)
  throw new ConfigError([
    `gpuPools.${pool}: has ${gpus} GPUs, but CUDA_VISIBLE_DEVICES shows this program only ${seen.length} (${visible})`,
  ])
}

/**
 * Without switching, a backend serves one model: the default one, or the first it may serve. It keeps
 * to it until that one leaves the catalogue.
 */
function onlyModel(
  { models }: BackendSettings,
  { defaultModel }: Settings,
  catalogue: Catalogue,
): () => readonly string[] {
  let chosen: string | undefined
  return () => {
    if (chosen === undefined || !catalogue.models.has(chosen)) {
      const known = [...catalogue.models.keys()].filter((name) => models?.includes(name) ?? true)
      const wanted = defaultModel === undefined ? undefined : catalogue.find(defaultModel)?.name
      chosen = known.find((name) => name === wanted) ?? known[0]
    }
    return chosen === undefined ? [] : [chosen]
  }
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
