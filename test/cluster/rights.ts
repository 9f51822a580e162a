import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { policyRules } from '../../src/installation/permissions.ts'
import type { AuditEvent } from './control-plane/index.ts'

/**
 * Proves at the end of a run that the Role which ships is the least that does: the API server's audit
 * logs say that nothing was forbidden, and, when every suite has run, that every verb was used.
 */
const folderVariable = 'CLUSTER_AUDIT_FOLDER'
const program = /^system:serviceaccount:[^:]+:vllm-chill$/

/** Of one suite's cluster. */
export async function keepAudit(events: readonly AuditEvent[]): Promise<void> {
  const folder = process.env[folderVariable]
  if (folder === undefined) return
  const own = events.filter(({ user }) => program.test(user))
  await writeFile(join(folder, `${process.pid}-${Date.now()}.json`), JSON.stringify(own))
}

export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'vllm-chill-audit-'))
  process.env[folderVariable] = folder
  return async () => {
    const files = await readdir(folder)
    const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
    await rm(folder, { recursive: true })
    const events = texts.flatMap((text) => JSON.parse(text) as AuditEvent[])
    const problems = [...forbidden(events), ...(files.length < suites() ? [] : unused(events))]
    if (problems.length === 0) return
    for (const problem of problems) console.error(`rights: ${problem}`)
    process.exitCode = 1
  }
}

/** Suites whose program runs under the shipped Role. */
function suites(): number {
  return globSync('test/cluster/*.test.ts').filter((file) =>
    readFileSync(file, 'utf8').includes('await installAround('),
  ).length
}

function forbidden(events: readonly AuditEvent[]): string[] {
  const refused = events.filter(({ allowed }) => !allowed)
  return [
    ...new Set(
      refused.map(({ verb, resource, apiGroup }) => `forbidden: ${verb} ${resource} (${apiGroup})`),
    ),
  ]
}

function unused(events: readonly AuditEvent[]): string[] {
  // An apply that makes the object asks for the right to create too, of which the audit log says nothing;
  // so do, from Kubernetes 1.35 on, WebSockets to pods.
  const used = new Set(
    events.flatMap(({ apiGroup, resource, verb, status }) => [
      `${apiGroup}/${resource} ${verb}`,
      ...((verb === 'patch' && status === 201) ||
      (verb === 'get' && resource === 'pods/portforward')
        ? [`${apiGroup}/${resource} create`]
        : []),
    ]),
  )
  return policyRules({ enableModelSwitch: true, portForward: true }).flatMap(
    ({ apiGroups = [], resources = [], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs
            .filter((verb) => !used.has(`${group}/${resource} ${verb}`))
            .map((verb) => `never used: ${verb} ${resource} (${group})`),
        ),
      ),
  )
}
