import type { V1Container } from '@kubernetes/client-node'
import type { VllmModel } from '../../../catalogue/index.ts'
import { containerName, gpuCount } from './container.ts'
import { podTemplate } from './pod-template.ts'
import { quantityOf } from './quantity.ts'
import type { BackendPlace, PodProblem } from './types.ts'

const imagePattern =
  /^[a-zA-Z0-9][\w.-]*(:\d+)?(\/[\w.-]+)*(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?$/
const devicePattern = /^[a-z0-9.-]+\/[\w.-]+$/

/** What the API server, or every node, would refuse, before anything is sent. */
export function validatePod(place: BackendPlace, model: VllmModel): readonly PodProblem[] {
  const problems: PodProblem[] = []
  const complain = (path: string, message: string) => problems.push({ path, message })
  const { spec } = model
  const image = spec.image ?? place.image
  if (!imagePattern.test(image)) {
    complain(
      spec.image === undefined ? 'image' : 'spec.image',
      `${image} is no image reference; expected registry/name:tag`,
    )
  }
  if (!devicePattern.test(place.gpuResource)) {
    complain(
      'gpuResource',
      `${place.gpuResource} is no device; expected one such as nvidia.com/gpu`,
    )
  }
  const gpus = gpuCount(place, model)
  if (gpus > 0 && gpus < spec.tensorParallelSize) {
    complain(
      spec.gpuCount === undefined ? 'pod.gpuCount' : 'spec.gpuCount',
      `${gpus} is less than tensorParallelSize (${spec.tensorParallelSize}); each part needs a device of its own`,
    )
  }
  const template = podTemplate(place, model)
  const containers = template.spec?.containers ?? []
  const container = containers.find(({ name }) => name === containerName)
  if (container === undefined) {
    complain('podTemplate.spec.containers', `must keep the container called ${containerName}`)
    return problems
  }
  for (const each of containers) problems.push(...resourceProblems(each))
  const volumes = new Set((template.spec?.volumes ?? []).map(({ name }) => name))
  for (const each of containers) {
    for (const { name, mountPath } of each.volumeMounts ?? []) {
      if (!volumes.has(name)) {
        complain(
          `podTemplate.spec.containers[name=${each.name}].volumeMounts`,
          `${mountPath} mounts ${name}, which is no volume of the pod`,
        )
      }
    }
  }
  const { restartPolicy } = template.spec ?? {}
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    complain(
      'podTemplate.spec.restartPolicy',
      `${restartPolicy} is not allowed in a Deployment; leave it out`,
    )
  }
  return problems
}

function resourceProblems({ name, resources }: V1Container): PodProblem[] {
  const { requests = {}, limits = {} } = resources ?? {}
  const path =
    name === containerName ? 'pod.resources' : `podTemplate.spec.containers[name=${name}].resources`
  const problems: PodProblem[] = []
  for (const [kind, amounts] of Object.entries({ requests, limits })) {
    for (const [resource, amount] of Object.entries(amounts)) {
      const value = quantityOf(amount)
      if (value === undefined || value < 0) {
        problems.push({
          path: `${path}.${kind}.${resource}`,
          message: `${amount} is no amount; expected one such as 500m, 16Gi or 2`,
        })
      } else if (resource.includes('/') && !Number.isInteger(value)) {
        problems.push({
          path: `${path}.${kind}.${resource}`,
          message: `${amount} is not a whole number of devices`,
        })
      }
    }
  }
  for (const [resource, amount] of Object.entries(requests)) {
    const limit = limits[resource]
    if (limit === undefined) continue
    const [asked = 0, allowed = 0] = [quantityOf(amount), quantityOf(limit)]
    if (asked > allowed) {
      problems.push({
        path: `${path}.requests.${resource}`,
        message: `${amount} is more than its limit (${limit})`,
      })
    } else if (resource.includes('/') && asked !== allowed) {
      problems.push({
        path: `${path}.requests.${resource}`,
        message: `devices must be asked for as they are limited: ${limit}`,
      })
    }
  }
  return problems
}
