import { StringDecoder } from 'node:string_decoder'
import type { KubernetesObject, V1Scale, V1SelfSubjectAccessReview } from '@kubernetes/client-node'
import { withoutSecretWords } from '../../../telemetry/index.ts'
import type { Connection } from './connection.ts'
import { ApiFault, notAnApiServer, unreachable } from './fault.ts'
import { follow, type Follower, type FollowOptions } from './follower.ts'
import { kindOf, kinds, pathOf, type Kind, type Objects } from './kinds.ts'
import { forwardPort, type Forwarded } from './port-forward.ts'
import { createTransport, type Outgoing } from './transport.ts'

const defaultTimeoutMs = 10_000
/** While the API server is in trouble, a call is tried again for so long. */
const defaultBudgetMs = 15_000

/** A container may be silent for so long, ms. */
const silentMs = 86_400_000
/** A line without an end is cut, characters. */
const longestLine = 65_536

export interface Call {
  readonly signal?: AbortSignal | undefined
}

export interface ApplyCall extends Call {
  /** The server checks it and changes nothing. */
  readonly dryRun?: boolean
  /** Takes fields away from other managers. */
  readonly force?: boolean
  readonly fieldManager?: string
}

export interface Scale {
  readonly replicas: number
  readonly resourceVersion: string
}

export interface Review {
  readonly allowed: boolean
  readonly reason?: string
}

/** What the program asks of an API server, in one namespace. Every call may throw ApiFault. */
export interface Api {
  readonly namespace: string
  readonly server: string
  /** Undefined: there is none of that name. */
  get<K extends Kind>(kind: K, name: string, call?: Call): Promise<Objects[K] | undefined>
  list<K extends Kind>(
    kind: K,
    call?: Call & { labelSelector?: string; fieldSelector?: string; limit?: number },
  ): Promise<readonly Objects[K][]>
  /** Server-side apply. A conflict is a fault with `conflicts`. */
  apply<T extends KubernetesObject>(object: T, call?: ApplyCall): Promise<T>
  create<T extends KubernetesObject>(object: T, call?: Call): Promise<T>
  /** `metadata.resourceVersion` is the precondition: 409 where somebody else has written meanwhile. */
  replace<T extends KubernetesObject>(object: T, call?: Call): Promise<T>
  /** A JSON merge patch. */
  patch<K extends Kind>(
    kind: K,
    name: string,
    merge: object,
    call?: Call & { subresource?: 'status' },
  ): Promise<Objects[K]>
  /** False: there was none. */
  remove(
    kind: Kind,
    name: string,
    call?: Call & { propagation?: 'Foreground' | 'Background' },
  ): Promise<boolean>
  /** Undefined: there is no such Deployment. */
  readScale(deployment: string, call?: Call): Promise<Scale | undefined>
  writeScale(
    deployment: string,
    replicas: number,
    resourceVersion: string,
    call?: Call,
  ): Promise<void>
  /** Oldest first. */
  podLog(
    pod: string,
    call: Call & { container?: string; tailLines: number; previous?: boolean },
  ): Promise<readonly string[]>
  /** Its last lines, then each as it comes, until the container ends. */
  followPodLog(
    pod: string,
    call: Call & { container?: string; tailLines: number },
  ): AsyncIterable<string>
  /** Whether we may do something in the namespace (or cluster-wide, for such kinds). */
  review(
    verb: string,
    group: string,
    resource: string,
    subresource?: string,
    call?: Call & { clusterWide?: boolean },
  ): Promise<Review>
  /** `v1.32.1` */
  serverVersion(call?: Call): Promise<string>
  follow<K extends Kind>(
    kind: K,
    options: FollowOptions,
    onChange: (objects: ReadonlyMap<string, Objects[K]>) => void,
  ): Follower<Objects[K]>
  /** A port of this machine that leads to one of the pod, through the API server. */
  portForward(pod: string, port: number): Promise<Forwarded>
}

export interface ApiOptions {
  readonly namespace: string
  readonly fieldManager?: string
  /** For one try, ms. */
  readonly timeoutMs?: number
  /** While the API server is in trouble, ms. */
  readonly budgetMs?: number
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}

export function createApi(connection: Connection, options: ApiOptions): Api {
  const {
    namespace,
    fieldManager = 'vllm-chill',
    timeoutMs = defaultTimeoutMs,
    budgetMs = defaultBudgetMs,
    log,
  } = options
  const transport = createTransport(connection)

  const placeOf = (object: KubernetesObject) => ({
    kind: kindOf(object),
    name: object.metadata?.name ?? '',
    namespace: object.metadata?.namespace ?? namespace,
  })

  async function call<T>(outgoing: Partial<Outgoing> & Pick<Outgoing, 'method' | 'path' | 'what'>) {
    const text = await transport.text({ timeoutMs, budgetMs, ...outgoing })
    try {
      return JSON.parse(text) as T
    } catch (error) {
      throw notAnApiServer(outgoing.what, transport.server, error)
    }
  }

  async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      if (error instanceof ApiFault && error.code === 404) return undefined
      throw error
    }
  }

  /** Items of a list lack what every object by itself says. */
  const complete = <T extends KubernetesObject>(kind: Kind, item: T): T => ({
    apiVersion: kinds[kind].apiVersion,
    kind,
    ...item,
  })

  return {
    namespace,
    server: transport.server,
    get: (kind, name, { signal } = {}) =>
      unlessMissing(
        call({
          method: 'GET',
          path: pathOf(kind, namespace, { name }),
          what: `read ${kind} ${named(kind, namespace, name)}`,
          signal,
        }),
      ),
    async list(kind, { signal, labelSelector, fieldSelector, limit } = {}) {
      const { items } = await call<{ items: never[] }>({
        method: 'GET',
        path: pathOf(kind, namespace),
        query: { labelSelector, fieldSelector, limit },
        what: `list ${kinds[kind].plural} in ${namespace}`,
        signal,
      })
      return items.map((item) => complete(kind, item))
    },
    apply(object, { dryRun, force, signal, fieldManager: manager = fieldManager } = {}) {
      const { kind, name, namespace: home } = placeOf(object)
      return call({
        method: 'PATCH',
        path: pathOf(kind, home, { name, ...versionOf(object) }),
        query: { fieldManager: manager, force, ...(dryRun && { dryRun: 'All' }) },
        body: object,
        contentType: 'application/apply-patch+yaml',
        what: `apply ${kind} ${named(kind, home, name)}`,
        signal,
      })
    },
    create(object, { signal } = {}) {
      const { kind, name, namespace: home } = placeOf(object)
      return call({
        method: 'POST',
        path: pathOf(kind, home, versionOf(object)),
        query: { fieldManager },
        body: object,
        what: `create ${kind} ${named(kind, home, name)}`,
        signal,
        // A first try may have arrived without its answer.
        budgetMs: 0,
      })
    },
    replace(object, { signal } = {}) {
      const { kind, name, namespace: home } = placeOf(object)
      return call({
        method: 'PUT',
        path: pathOf(kind, home, { name, ...versionOf(object) }),
        query: { fieldManager },
        body: object,
        what: `replace ${kind} ${named(kind, home, name)}`,
        signal,
        budgetMs: 0,
      })
    },
    patch(kind, name, merge, { signal, subresource } = {}) {
      return call({
        method: 'PATCH',
        path: pathOf(kind, namespace, { name, ...(subresource && { subresource }) }),
        query: { fieldManager },
        body: merge,
        contentType: 'application/merge-patch+json',
        what: `change ${kind} ${named(kind, namespace, name)}`,
        signal,
      })
    },
    async remove(kind, name, { signal, propagation } = {}) {
      const removed = await unlessMissing(
        call({
          method: 'DELETE',
          path: pathOf(kind, namespace, { name }),
          query: { propagationPolicy: propagation },
          what: `delete ${kind} ${named(kind, namespace, name)}`,
          signal,
        }),
      )
      return removed !== undefined
    },
    async readScale(deployment, { signal } = {}) {
      const scale = await unlessMissing(
        call<V1Scale>({
          method: 'GET',
          path: pathOf('Deployment', namespace, { name: deployment, subresource: 'scale' }),
          what: `read the scale of Deployment ${namespace}/${deployment}`,
          signal,
        }),
      )
      if (scale === undefined) return undefined
      // Zero replicas are not written down.
      return {
        replicas: scale.spec?.replicas ?? 0,
        resourceVersion: scale.metadata?.resourceVersion ?? '',
      }
    },
    async writeScale(deployment, replicas, resourceVersion, { signal } = {}) {
      await call({
        method: 'PUT',
        path: pathOf('Deployment', namespace, { name: deployment, subresource: 'scale' }),
        query: { fieldManager },
        body: {
          apiVersion: 'autoscaling/v1',
          kind: 'Scale',
          metadata: { name: deployment, namespace, resourceVersion },
          spec: { replicas },
        } satisfies V1Scale,
        what: `scale Deployment ${namespace}/${deployment} to ${replicas}`,
        signal,
      })
    },
    async podLog(pod, { signal, container, tailLines, previous }) {
      const text = await transport.text({
        method: 'GET',
        path: pathOf('Pod', namespace, { name: pod, subresource: 'log' }),
        query: { container, tailLines, ...(previous && { previous }) },
        what: `read the log of Pod ${namespace}/${pod}`,
        signal,
        timeoutMs,
        budgetMs: 0,
      })
      return linesOf(text)
    },
    async *followPodLog(pod, { signal, container, tailLines }) {
      const what = `follow the log of Pod ${namespace}/${pod}`
      const { body } = await transport.open({
        method: 'GET',
        path: pathOf('Pod', namespace, { name: pod, subresource: 'log' }),
        query: { container, tailLines, follow: true },
        what,
        signal,
        // Nothing is answered before the container writes its first line.
        timeoutMs: silentMs,
        budgetMs: 0,
      })
      try {
        for await (const lines of piecesOf(body)) yield* linesOf(lines)
      } catch (error) {
        throw unreachable(what, transport.server, error)
      } finally {
        body.destroy()
      }
    },
    async review(verb, group, resource, subresource, { signal, clusterWide } = {}) {
      const { status } = await call<V1SelfSubjectAccessReview>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: {
            resourceAttributes: {
              verb,
              group,
              resource,
              ...(subresource !== undefined && { subresource }),
              ...(!clusterWide && { namespace }),
            },
          },
        } satisfies V1SelfSubjectAccessReview,
        what: `ask whether we may ${verb} ${resource}`,
        signal,
      })
      const { allowed = false, reason } = status ?? {}
      return { allowed, ...(reason && { reason }) }
    },
    async serverVersion({ signal } = {}) {
      const { gitVersion } = await call<{ gitVersion: string }>({
        method: 'GET',
        path: '/version',
        what: 'ask for the version of the API server',
        signal,
      })
      return gitVersion
    },
    follow: (kind, followOptions, onChange) =>
      follow<never>(
        {
          transport,
          path: pathOf(kind, namespace),
          what: `${kinds[kind].plural} in ${namespace}`,
          timeoutMs,
          log,
        },
        followOptions,
        onChange,
      ),
    portForward: (pod, port) => forwardPort({ connection, namespace, pod, port, timeoutMs, log }),
  }
}

/** Whole lines, as many as have come. */
async function* piecesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of body) {
    const text = rest + decoder.write(chunk)
    const end = text.lastIndexOf('\n') + 1
    rest = text.slice(end).slice(-longestLine)
    yield text.slice(0, end)
  }
  yield rest
}

/** Of a line that was written over and over, such as a progress bar, what was to be seen at its end. */
function linesOf(log: string): string[] {
  return log
    .split(/\r?\n/)
    .map((line) => line.slice(line.lastIndexOf('\r') + 1))
    .filter((line) => line !== '')
    .map(withoutSecretWords)
}

/** An object may be of another version of its group than the table's. */
function versionOf({ apiVersion }: KubernetesObject): { apiVersion?: string } {
  return apiVersion === undefined ? {} : { apiVersion }
}

function named(kind: Kind, namespace: string, name: string): string {
  return kinds[kind].isClusterWide ? name : `${namespace}/${name}`
}
