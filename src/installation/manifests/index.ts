import { vllmModelCrd } from '../../catalogue/index.ts'
import type { InstallationPlan, Manifest } from '../plan.ts'
import { role, roleBinding, serviceAccount } from './access.ts'
import { configuration } from './configuration.ts'
import { ingress, networkPolicy, service } from './network.ts'
import { namespaceObject, podDisruptionBudget, serviceMonitor } from './operation.ts'
import { program } from './program.ts'

/** Everything of an installation, each after what it needs. */
export function installationManifests(plan: InstallationPlan): readonly Manifest[] {
  const wanted = [
    plan.createNamespace && namespaceObject(plan),
    plan.crd && vllmModelCrd({ rules: hasRules(plan) }),
    serviceAccount(plan),
    role(plan),
    roleBinding(plan),
    plan.networkPolicy && networkPolicy(plan),
    configuration(plan),
    service(plan),
    program(plan),
    plan.podDisruptionBudget && podDisruptionBudget(plan),
    plan.ingress && ingress(plan, plan.ingress),
    plan.serviceMonitor && serviceMonitor(plan),
  ]
  return wanted.filter((object) => object !== undefined && object !== false) as Manifest[]
}

/** Servers before 1.25 refuse CEL rules; the program holds models against the same ones anyway. */
function hasRules({ serverMinor }: InstallationPlan): boolean {
  return serverMinor !== undefined && serverMinor >= 25
}
