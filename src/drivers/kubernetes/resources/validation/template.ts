import type { V1PodTemplateSpec } from '@kubernetes/client-node'
import { containerName, portName } from '../container.ts'
import { podSelector } from '../names.ts'
import type { BackendPlace, PodProblem } from '../types.ts'
import { containerProblems } from './container.ts'
import { labelKey, labelValue, objectName, type Rule } from './words.ts'

/** The pod as settings and patches have made it; `imagePath` is where our container's image is set. */
export function templateProblems(
  { metadata, spec }: V1PodTemplateSpec,
  place: BackendPlace,
  imagePath: string,
): PodProblem[] {
  const problems: PodProblem[] = []
  const complain = (path: string, message: string) =>
    problems.push({ path: `podTemplate.${path}`, message })
  const check = (path: string, text: string, rule: Rule) => {
    if (!rule.test(text)) complain(path, `${text} is not allowed; expected ${rule.expected}`)
  }
  for (const [key, value] of Object.entries(podSelector(place))) {
    if (metadata?.labels?.[key] !== value) {
      complain(`metadata.labels.${key}`, `must stay ${value}: the Deployment knows its pods by it`)
    }
  }
  for (const [path, words] of [
    ['metadata.labels', metadata?.labels],
    ['spec.nodeSelector', spec?.nodeSelector],
  ] as const) {
    for (const [key, value] of Object.entries(words ?? {})) {
      check(path, key, labelKey)
      check(`${path}.${key}`, value, labelValue)
    }
  }
  for (const key of Object.keys(metadata?.annotations ?? {})) {
    check('metadata.annotations', key, labelKey)
  }
  for (const { name } of spec?.volumes ?? []) check('spec.volumes', name, objectName)
  const { restartPolicy } = spec ?? {}
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    complain('spec.restartPolicy', `${restartPolicy} is not allowed in a Deployment; leave it out`)
  }
  const { containers = [], initContainers = [] } = spec ?? {}
  const ours = containers.find(({ name }) => name === containerName)
  if (ours === undefined) {
    complain('spec.containers', `must keep the container called ${containerName}`)
  } else if (!ours.ports?.some(({ name }) => name === portName)) {
    complain(
      `spec.containers[name=${containerName}].ports`,
      `must keep one called ${portName}: requests go there`,
    )
  }
  const lists = { containers, initContainers }
  return [
    ...problems,
    ...Object.entries(lists).flatMap(([list, members]) =>
      members.flatMap((member) => {
        const path = `podTemplate.spec.${list}[name=${member.name}]`
        const own = { image: imagePath, resources: 'pod.resources' }
        return containerProblems(member, spec!, path, member === ours ? own : {})
      }),
    ),
  ]
}
