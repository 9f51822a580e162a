import { compareCrd, crdName } from '../../catalogue/index.ts'
import type { Api } from '../../drivers/kubernetes/index.ts'
import { minorOf } from '../server-version.ts'
import { note, ok, wrong, type Check } from './check.ts'
import { look } from './looking.ts'

/** Server-side apply is for everybody from here on. */
const leastMinor = 18

export async function serverCheck(api: Api): Promise<Check> {
  const what = `Kubernetes at ${api.server}`
  const answer = await look(what, 'ask for /version', () => api.serverVersion())
  if ('problem' in answer) return answer.problem
  const minor = minorOf(answer.seen)
  if (minor !== undefined && minor >= leastMinor) return ok(what, `is version ${answer.seen}`)
  return wrong(what, `is version ${answer.seen}`, `1.${leastMinor} or newer is needed`)
}

export async function namespaceCheck(api: Api): Promise<Check> {
  const what = `Namespace ${api.namespace}`
  const answer = await look(what, 'get namespaces', () => api.get('Namespace', api.namespace))
  if ('problem' in answer) return answer.problem
  const { seen } = answer
  if (seen === undefined)
    return wrong(
      what,
      'is not there',
      'run `vllm-chill install`, or choose another with --namespace',
    )
  if (seen.metadata?.deletionTimestamp !== undefined)
    return wrong(what, 'is being deleted', 'wait until it is gone, then run `vllm-chill install`')
  return ok(what, 'is there')
}

/** More than `essentialChecks` can see of it, for somebody who may read the definition itself. */
export async function crdCheck(api: Api): Promise<Check | undefined> {
  const what = `CustomResourceDefinition ${crdName}`
  const right = 'get customresourcedefinitions'
  const answer = await look(what, right, () => api.get('CustomResourceDefinition', crdName))
  if ('problem' in answer) return answer.problem
  // Whether it is there at all has been said.
  if (answer.seen === undefined) return undefined
  const { current, missing, hasStatus } = compareCrd(answer.seen)
  if (current) return ok(what, 'is installed and current')
  const todo = 'run `vllm-chill install`, or apply the one of `vllm-chill manifests`'
  if (!hasStatus) return wrong(what, 'has no status, so that no model says how it is', todo)
  if (missing.length === 0) return note(what, 'is installed, from another release', todo)
  return wrong(what, `drops these fields without a word: ${missing.join(', ')}`, todo)
}
