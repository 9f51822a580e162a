import type { Settings } from '../../../config/index.ts'
import { strategicMerge } from './merge.ts'
import type { BackendPlace } from './types.ts'

/** The backends as the settings place them in the cluster. */
export function placesOf(
  settings: Settings,
  namespace: string,
  installation: string,
): Record<string, BackendPlace> {
  const isSingle = settings.sources.backends === 'default'
  return Object.fromEntries(
    settings.backends.map((backend) => {
      const { name } = backend
      const general = isSingle
        ? {
            deployment: settings.deployment,
            configMap: settings.configmap,
            // It may be given as a host name.
            service: settings.targetHost.split('.')[0]!,
          }
        : { deployment: name, configMap: `${name}-config`, service: `${name}-svc` }
      const pod = { ...settings.pod, ...backend.pod }
      const podTemplate = strategicMerge(
        settings.pod.podTemplate ?? {},
        backend.pod.podTemplate ?? {},
      ) as Record<string, unknown>
      const place: BackendPlace = {
        backend: name,
        namespace,
        deployment: backend.deployment ?? general.deployment,
        configMap: backend.configmap ?? general.configMap,
        service: backend.service ?? general.service,
        servicePort: settings.targetPort,
        installation,
        image: settings.image,
        command: backend.command,
        gpuResource: settings.gpuResource,
        hfTokenSecret: settings.hfTokenSecret,
        apiKeySecret: settings.apiKeySecret,
        terminationGraceMs: settings.terminationGraceMs,
        pod: { ...pod, podTemplate, env: { ...pod.env, ...backend.env } },
      }
      return [name, place]
    }),
  )
}
