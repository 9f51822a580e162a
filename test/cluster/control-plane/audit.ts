import { readFile, writeFile } from 'node:fs/promises'

/** One request of a service account, as the API server's audit log has it. */
export interface AuditEvent {
  readonly user: string
  readonly verb: string
  /** Empty for the core group. */
  readonly apiGroup: string
  /** With its subresource: `deployments/scale`. Undefined for a URL that is no resource. */
  readonly resource: string | undefined
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly requestURI: string
  readonly status: number
  readonly allowed: boolean
  /** Which binding and role allowed it. */
  readonly reason: string
}

/** Only service accounts: what tests and the cluster's own parts do proves nothing about our RBAC. */
const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  // A watch is logged when it starts and again when it ends, everything else when answered.
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
}

export async function writeAuditPolicy(file: string): Promise<void> {
  await writeFile(file, JSON.stringify(policy))
}

interface LoggedEvent {
  auditID: string
  verb: string
  requestURI: string
  user: { username: string }
  objectRef?: {
    resource?: string
    subresource?: string
    apiGroup?: string
    namespace?: string
    name?: string
  }
  responseStatus?: { code?: number }
  annotations?: Record<string, string>
}

export async function readAuditLog(file: string): Promise<AuditEvent[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  // The last line may be half written.
  const lines = text.split('\n').slice(0, -1)
  const last = new Map<string, LoggedEvent>()
  for (const line of lines) {
    const event = JSON.parse(line) as LoggedEvent
    last.set(event.auditID, event)
  }
  return [...last.values()].map(toAuditEvent)
}

function toAuditEvent(event: LoggedEvent): AuditEvent {
  const ref = event.objectRef
  return {
    user: event.user.username,
    verb: event.verb,
    apiGroup: ref?.apiGroup ?? '',
    resource: ref?.subresource ? `${ref.resource}/${ref.subresource}` : ref?.resource,
    namespace: ref?.namespace,
    name: ref?.name,
    requestURI: event.requestURI,
    status: event.responseStatus?.code ?? 0,
    allowed: event.annotations?.['authorization.k8s.io/decision'] !== 'forbid',
    reason: event.annotations?.['authorization.k8s.io/reason'] ?? '',
  }
}
