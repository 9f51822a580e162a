import type { V1Role, V1RoleBinding, V1ServiceAccount } from '@kubernetes/client-node'
import { metadataOf, type InstallationPlan } from '../plan.ts'
import { policyRules } from '../permissions.ts'

/** Its token goes to those pods only that ask for it. */
export function serviceAccount(plan: InstallationPlan): V1ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadataOf(plan),
    automountServiceAccountToken: false,
  }
}

export function role(plan: InstallationPlan): V1Role {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: metadataOf(plan),
    rules: policyRules({
      enableModelSwitch: plan.settings.enableModelSwitch,
      portForward: plan.portForward,
    }),
  }
}

export function roleBinding(plan: InstallationPlan): V1RoleBinding {
  const { name, namespace } = plan
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: metadataOf(plan),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  }
}
