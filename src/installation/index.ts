export { installationManifests, terminationGraceSeconds } from './manifests/index.ts'
export {
  installationFlags,
  kubeVersionFlag,
  readInstallationOptions,
  type InstallationFlag,
} from './options.ts'
export { permissions, permissionsFor, policyRules, type Permission } from './permissions.ts'
export type { InstallationOptions, InstallationPlan, Manifest } from './plan.ts'
export { planInstallation, type PlanningOptions } from './planning.ts'
export { toYaml } from './yaml.ts'
