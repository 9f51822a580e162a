import type { V1PodTemplateSpec } from '@kubernetes/client-node'
import type { VllmModel } from '../../../../catalogue/index.ts'
import { configMapData } from '../config-map.ts'
import { containerName, gpuCount } from '../container.ts'
import { podTemplate } from '../pod-template.ts'
import { quantityOf } from '../quantity.ts'
import type { BackendPlace, PodProblem } from '../types.ts'
import { usualShmSize } from '../volumes.ts'
import { fieldProblems } from './fields.ts'
import { templateProblems } from './template.ts'
import { deviceName, objectName, serviceName, type Rule } from './words.ts'

/**
 * What the API server, or every node, would refuse, before anything is sent. Paths are fields of the
 * settings, or of the manifest where they begin with `spec`; `podTemplate` is the pod as both make it.
 */
export function validatePod(place: BackendPlace, model: VllmModel): readonly PodProblem[] {
  const names = placeProblems(place)
  const given = [
    ...names,
    ...gpuProblems(place, model),
    ...memoryProblems(place),
    ...variableProblems(place, model),
  ]
  const shapes = shapeProblems(place, model)
  // What has another shape than a pod cannot be looked at as one; a wrong name would be told again.
  if (names.length > 0 || shapes.length > 0) return [...given, ...shapes]
  const image = model.spec.image === undefined ? 'image' : 'spec.image'
  const pod = podTemplate(place, model)
  return [
    ...given,
    ...patchedGpuProblems(pod, place, model),
    ...templateProblems(pod, place, image),
  ]
}

function placeProblems(place: BackendPlace): PodProblem[] {
  const names: readonly [string, string, Rule][] = [
    ['deployment', place.deployment, objectName],
    ['configmap', place.configMap, objectName],
    ['service', place.service, serviceName],
    ['gpuResource', place.gpuResource, deviceName],
  ]
  return names
    .filter(([, text, rule]) => !rule.test(text))
    .map(([path, text, { expected }]) => ({
      path,
      message: `${text} is not allowed; expected ${expected}`,
    }))
}

function gpuProblems(place: BackendPlace, model: VllmModel): PodProblem[] {
  const { tensorParallelSize, gpuCount: own } = model.spec
  const problems: PodProblem[] = []
  const gpus = gpuCount(place, model)
  if (gpus > 0 && gpus < tensorParallelSize) {
    problems.push({
      path: own === undefined ? 'pod.gpuCount' : 'spec.gpuCount',
      message: `${gpus} is less than tensorParallelSize (${tensorParallelSize}); each part needs a device of its own`,
    })
  }
  if (place.pod.resources?.limits?.[place.gpuResource] !== undefined) {
    problems.push({
      path: `pod.resources.limits.${place.gpuResource}`,
      message: 'is what gpuCount is for; leave it out here',
    })
  }
  return problems
}

/** A patch may set the limit itself. */
function patchedGpuProblems(
  { spec }: V1PodTemplateSpec,
  place: BackendPlace,
  model: VllmModel,
): PodProblem[] {
  const { gpuResource } = place
  const { tensorParallelSize } = model.spec
  const container = spec?.containers.find(({ name }) => name === containerName)
  const gpus = quantityOf(container?.resources?.limits?.[gpuResource])
  const isPatched = gpus !== undefined && gpus !== gpuCount(place, model)
  if (!isPatched || gpus === 0 || gpus >= tensorParallelSize) return []
  return [
    {
      path: `podTemplate.spec.containers[name=${containerName}].resources.limits.${gpuResource}`,
      message: `${gpus} is less than tensorParallelSize (${tensorParallelSize}); gpuCount sets it`,
    },
  ]
}

/** Shared memory counts as memory of the container that writes it. */
function memoryProblems({ pod }: BackendPlace): PodProblem[] {
  const [shm, limit] = [pod.shmSize ?? usualShmSize, pod.resources?.limits?.['memory']]
  if (limit === undefined || quantityOf(shm)! < (quantityOf(limit) ?? Infinity)) return []
  return [
    {
      path: 'pod.resources.limits.memory',
      message: `${limit} leaves nothing beside shmSize (${shm}), which counts against it`,
    },
  ]
}

function variableProblems({ pod, apiKeySecret }: BackendPlace, model: VllmModel): PodProblem[] {
  const keys = Object.keys(configMapData(model))
  const taken = (path: string, variables: Readonly<Record<string, string>> = {}) =>
    keys
      .filter((key) => Object.hasOwn(variables, key))
      .map((key) => ({
        path: `${path}.${key}`,
        message: 'is a key of the ConfigMap; the field of the model sets it',
      }))
  const twice = (path: string, variables: Readonly<Record<string, string>> = {}) =>
    apiKeySecret && Object.hasOwn(variables, 'VLLM_API_KEY')
      ? [
          {
            path: `${path}.VLLM_API_KEY`,
            message: 'comes from apiKeySecret; leave one of them out',
          },
        ]
      : []
  return [
    ...taken('pod.env', pod.env),
    ...taken('spec.env', model.spec.env),
    ...twice('pod.env', pod.env),
    ...twice('spec.env', model.spec.env),
  ]
}

function shapeProblems({ pod, templates }: BackendPlace, { spec }: VllmModel): PodProblem[] {
  return [
    ...fieldProblems(pod.podSecurityContext, 'V1PodSecurityContext', 'pod.podSecurityContext'),
    ...fieldProblems(pod.securityContext, 'V1SecurityContext', 'pod.securityContext'),
    ...templates.flatMap((each) => patchProblems(each, 'pod.podTemplate')),
    ...patchProblems(spec.podTemplate, 'spec.podTemplate'),
  ]
}

/** Nothing else of a template gets into the Deployment; who forgets `spec` would not be told otherwise. */
function patchProblems(template: object | undefined, path: string): PodProblem[] {
  const problems = fieldProblems(template, 'V1PodTemplateSpec', path)
  const told = new Set(problems.map((problem) => problem.path))
  const strangers = Object.keys(template ?? {})
    .filter((key) => !['$patch', 'metadata', 'spec'].includes(key))
    .map((key) => `${path}.${key}`)
    .filter((at) => !told.has(at))
  const message = 'is no field of a PodTemplateSpec; it has metadata and spec'
  return [...problems, ...strangers.map((at) => ({ path: at, message }))]
}
