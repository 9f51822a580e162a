import type { BackendSettings, Settings } from './types.ts'

/** Names of a backend's objects in the cluster. */
export interface ObjectNames {
  readonly deployment: string
  readonly configmap: string
  readonly service: string
}

type Named = Pick<Settings, 'deployment' | 'configmap' | 'targetHost'> & {
  readonly sources: Pick<Settings['sources'], 'backends'>
}

/** Those of the single backend are settings; those of listed ones are made of their names. */
export function objectNames(settings: Named, backend: BackendSettings): ObjectNames {
  const { name, deployment, configmap, service } = backend
  if (settings.sources.backends === 'default') {
    return {
      deployment: settings.deployment,
      configmap: settings.configmap,
      // It may be given as a host name.
      service: settings.targetHost.split('.')[0]!,
    }
  }
  return {
    deployment: deployment ?? name,
    configmap: configmap ?? `${name}-config`,
    service: service ?? `${name}-svc`,
  }
}
