import type { V1Container, V1PodSpec } from '@kubernetes/client-node'
import type { PodProblem } from '../types.ts'
import { resourceProblems } from './resources.ts'
import { imageReference, serviceName, variableName, type Rule } from './words.ts'

/** One container of the pod as all patches have left it; `own` are fields that settings have set. */
export function containerProblems(
  container: V1Container,
  { volumes = [] }: V1PodSpec,
  path: string,
  own: Readonly<Record<string, string>>,
): PodProblem[] {
  const placeOf = (field: string) => own[field] ?? `${path}.${field}`
  const { name, image, env = [], volumeMounts = [] } = container
  const problems: PodProblem[] = []
  const check = (at: string, text: string | undefined, rule: Rule) => {
    if (text === undefined || !rule.test(text)) {
      problems.push({
        path: placeOf(at),
        message: `${text ?? 'nothing'} is not allowed; expected ${rule.expected}`,
      })
    }
  }
  check('name', name, serviceName)
  check('image', image, imageReference)
  for (const variable of env) check('env', variable.name, variableName)
  for (const mount of volumeMounts) {
    if (!volumes.some((volume) => volume.name === mount.name)) {
      problems.push({
        path: `${path}.volumeMounts`,
        message: `${mount.mountPath} mounts ${mount.name}, which is no volume of the pod`,
      })
    }
  }
  for (const mountPath of repeated(volumeMounts.map((mount) => mount.mountPath))) {
    problems.push({
      path: `${path}.volumeMounts`,
      message: `${mountPath} is mounted twice; give one of the two another mountPath`,
    })
  }
  return [
    ...problems,
    ...rightsProblems(container, path),
    ...resourceProblems(container, placeOf('resources')),
  ]
}

/** What our default forbids, a patch may ask for. */
function rightsProblems({ securityContext }: V1Container, path: string): PodProblem[] {
  const { allowPrivilegeEscalation, privileged, capabilities } = securityContext ?? {}
  const isAdmin = capabilities?.add?.includes('CAP_SYS_ADMIN')
  if (allowPrivilegeEscalation !== false || !(privileged || isAdmin)) return []
  const asked = privileged ? 'privileged' : 'CAP_SYS_ADMIN'
  return [
    {
      path: `${path}.securityContext.allowPrivilegeEscalation`,
      message: `false does not go with ${asked}; set it to true, too`,
    },
  ]
}

function repeated(words: readonly string[]): ReadonlySet<string> {
  return new Set(words.filter((word, index) => words.indexOf(word) !== index))
}
