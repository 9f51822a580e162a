import { objectNames, type Settings } from '../../../config/index.ts'
import type { BackendPlace } from './types.ts'

/** The backends as the settings place them in the cluster. */
export function placesOf(
  settings: Settings,
  namespace: string,
  installation: string,
): Record<string, BackendPlace> {
  return Object.fromEntries(
    settings.backends.map((backend) => {
      const { name } = backend
      const { deployment, configmap, service } = objectNames(settings, backend)
      const { podTemplate: general, ...usual } = settings.pod
      const { podTemplate: own, ...others } = backend.pod
      const pod = { ...usual, ...others }
      const place: BackendPlace = {
        backend: name,
        namespace,
        deployment,
        configMap: configmap,
        service,
        servicePort: settings.targetPort,
        installation,
        image: settings.image,
        command: backend.command,
        gpuResource: settings.gpuResource,
        hfTokenSecret: settings.hfTokenSecret,
        apiKeySecret: settings.apiKeySecret,
        terminationGraceMs: settings.terminationGraceMs,
        pod: { ...pod, env: { ...pod.env, ...backend.env } },
        templates: [general, own].filter((each) => each !== undefined),
      }
      return [name, place]
    }),
  )
}
