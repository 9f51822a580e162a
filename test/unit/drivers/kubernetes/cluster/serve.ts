import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { KubernetesObject } from '@kubernetes/client-node'
import { onTestFinished } from 'vitest'
import { kinds } from '../../../../../src/drivers/kubernetes/api/kinds.ts'
import { ApiFault, type Kind } from '../../../../../src/drivers/kubernetes/index.ts'
import { fault } from './api.ts'
import type { FakeCluster } from './cluster.ts'

interface Asked {
  readonly method: string
  readonly kind: Kind
  readonly name: string | undefined
  readonly subresource: string | undefined
  readonly query: URLSearchParams
  readonly contentType: string
  readonly body: KubernetesObject & { spec?: { replicas?: number } }
}

/** The cluster as an API server on loopback, for what speaks HTTP to it. Its URL. */
export async function serveCluster(cluster: FakeCluster): Promise<string> {
  const server = createServer((request, response) => {
    void answer(cluster, request, response).catch((error: unknown) => {
      const { code, message, conflicts } =
        error instanceof ApiFault ? error : fault(500, String(error))
      const causes = conflicts.map(({ field, manager }) => ({
        reason: 'FieldManagerConflict',
        field: `.${field}`,
        message: `conflict with "${manager}"`,
      }))
      end(response, code, { kind: 'Status', code, message, details: { causes } })
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function end(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function answer(
  cluster: FakeCluster,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://cluster')
  const body = await text(request)
  if (pathname === '/version') {
    end(response, 200, { gitVersion: 'v1.36.0' })
    return
  }
  if (pathname.endsWith('/selfsubjectaccessreviews')) {
    const { spec } = JSON.parse(body) as { spec: { resourceAttributes: Record<string, string> } }
    const { verb, resource } = spec.resourceAttributes
    const allowed = !cluster.forbidden.has(`${verb} ${resource}`)
    end(response, 201, { status: { allowed } })
    return
  }
  const parts = /\/namespaces\/[^/]+\/(?<plural>\w+)(\/(?<name>[^/]+))?(\/(?<sub>\w+))?$/.exec(
    pathname,
  )
  const { plural, name, sub } = parts?.groups ?? {}
  const kind = Object.entries(kinds).find(([, each]) => each.plural === plural)?.[0]
  if (kind === undefined) throw fault(404, '404 page not found')
  const asked: Asked = {
    method: request.method ?? '',
    kind: kind as Kind,
    name,
    subresource: sub,
    query: searchParams,
    contentType: request.headers['content-type'] ?? '',
    body: body === '' ? {} : (JSON.parse(body) as KubernetesObject),
  }
  if (searchParams.has('watch')) watch(cluster, asked, response)
  else end(response, 200, await act(cluster, asked))
}

function selectionOf({ query }: Asked) {
  return {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
  }
}

async function act(cluster: FakeCluster, asked: Asked): Promise<unknown> {
  const { api } = cluster
  const { method, kind, name, subresource, query, contentType, body } = asked
  if (subresource === 'scale' && name !== undefined) return await actOnScale(cluster, name, asked)
  if (method === 'POST') return await api.create(body)
  if (method === 'PUT') return await api.replace(body)
  if (name === undefined) {
    const items = await api.list(kind, selectionOf(asked))
    return { metadata: { resourceVersion: cluster.version }, items }
  }
  if (method === 'PATCH' && contentType.includes('apply')) {
    return await api.apply(body, {
      force: query.get('force') === 'true',
      dryRun: query.has('dryRun'),
      fieldManager: query.get('fieldManager') ?? '',
    })
  }
  if (method === 'PATCH') return await api.patch(kind, name, body)
  const found = await api.get(kind, name)
  if (!found) throw fault(404, `${kind} ${name} not found`)
  return found
}

async function actOnScale({ api }: FakeCluster, name: string, { method, body }: Asked) {
  if (method === 'PUT') {
    const version = body.metadata?.resourceVersion ?? ''
    await api.writeScale(name, body.spec?.replicas ?? 0, version)
  }
  const scale = await api.readScale(name)
  if (!scale) throw fault(404, `Deployment ${name} not found`)
  const { replicas, resourceVersion } = scale
  return { metadata: { name, resourceVersion }, spec: { replicas } }
}

/** Tells what was changed since the version that the watch begins at, and then each change. */
function watch(cluster: FakeCluster, asked: Asked, response: ServerResponse): void {
  const from = Number(asked.query.get('resourceVersion'))
  if (from < cluster.lastRemovalAt) throw fault(410, 'too old resource version')
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  const known = new Map<string, KubernetesObject>()
  const tell = (type: string, object: KubernetesObject) =>
    response.write(`${JSON.stringify({ type, object })}\n`)
  const versionOf = ({ metadata }: KubernetesObject) => Number(metadata?.resourceVersion)
  const look = () => {
    const now = cluster.all(asked.kind, selectionOf(asked)) as KubernetesObject[]
    const byName = new Map(now.map((object) => [object.metadata?.name ?? '', object]))
    for (const [name, object] of known) {
      if (byName.has(name)) continue
      known.delete(name)
      object.metadata!.resourceVersion = cluster.version
      tell('DELETED', object)
    }
    for (const [name, object] of byName) {
      const before = known.get(name)
      known.set(name, object)
      if (versionOf(object) > (before ? versionOf(before) : from)) {
        tell(before ? 'MODIFIED' : 'ADDED', object)
      }
    }
  }
  look()
  response.on('close', cluster.subscribe(look))
}
