import type { KubernetesObject } from '@kubernetes/client-node'
import { ApiFault, type Api, type Kind } from '../../../src/drivers/kubernetes/index.ts'

type Stored = KubernetesObject & { status?: object; spec?: object }

/** An API server of a few maps: what is applied is there, and nothing happens by itself. */
export function fakeApi(given: readonly Stored[] = []) {
  const objects = new Map<string, Stored>(given.map((one) => [keyOf(one), one]))
  const done: string[] = []
  const faults = new Map<string, ApiFault>()
  const refusals = new Set<string>()
  let onApply: ((object: Stored) => void) | undefined

  const attempt = (what: string) => {
    const fault = faults.get(what) ?? faults.get(what.split(' ')[0] ?? '')
    if (fault) throw fault
  }
  const get = (kind: Kind, name: string) => {
    attempt(`get ${kind} ${name}`)
    return Promise.resolve(objects.get(`${kind} ${name}`) as never)
  }
  const api = {
    namespace: 'ai-apps',
    server: 'https://cluster.test:6443',
    get: async (kind: Kind, name: string) => await get(kind, name),
    list: async (kind: Kind, { labelSelector = '' }: { labelSelector?: string } = {}) => {
      attempt(`list ${kind}`)
      const wanted = labelSelector.split(',').filter((part) => part !== '')
      return await Promise.resolve(
        [...objects.values()].filter(
          (one) =>
            one.kind === kind &&
            wanted.every((part) => {
              const [key = '', value] = part.split('=')
              return one.metadata?.labels?.[key] === value
            }),
        ) as never,
      )
    },
    apply: async (object: Stored, { dryRun = false, force = false } = {}) => {
      attempt(`apply ${keyOf(object)}`)
      done.push(`${dryRun ? 'try' : force ? 'force' : 'apply'} ${keyOf(object)}`)
      if (!dryRun) {
        objects.set(keyOf(object), { ...objects.get(keyOf(object)), ...structuredClone(object) })
        onApply?.(objects.get(keyOf(object))!)
      }
      return await Promise.resolve(object)
    },
    remove: async (kind: Kind, name: string) => {
      attempt(`remove ${kind} ${name}`)
      done.push(`remove ${kind} ${name}`)
      return await Promise.resolve(objects.delete(`${kind} ${name}`))
    },
    review: async (verb: string, group: string, resource: string, subresource?: string) => {
      attempt('review')
      const what = [group, resource, subresource].filter((part) => part).join('/')
      return await Promise.resolve({ allowed: !refusals.has(`${verb} ${what}`) })
    },
    serverVersion: async () => {
      attempt('version')
      return await Promise.resolve('v1.31.2')
    },
    podLog: async () => await Promise.resolve(['first line', 'last line']),
  }
  return {
    api: api as unknown as Api,
    objects,
    /** What was changed, in order. */
    done,
    /** From now on, `get Deployment vllm`, or every `get`. */
    fail: (what: string, fault: ApiFault) => void faults.set(what, fault),
    /** `create apps/deployments` is not allowed. */
    refuse: (right: string) => void refusals.add(right),
    /** What a controller would do. */
    afterApply: (act: (object: Stored) => void) => {
      onApply = act
    },
  }
}

function keyOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata?.name}`
}

export const fault = (code: number, message: string, more = {}): ApiFault =>
  new ApiFault({ code, message, ...more })
