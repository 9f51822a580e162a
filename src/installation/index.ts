export { reachCluster, type Cluster } from './cluster.ts'
export {
  checkInWords,
  essentialChecks,
  diagnose,
  refusalOf,
  type Check,
  type Verdict,
} from './doctor/index.ts'
export { install, type InstallOptions } from './install.ts'
export { installationManifests, terminationGraceSeconds } from './manifests/index.ts'
export type { InstallationFlag } from './options.ts'
export {
  permissions,
  permissionsFor,
  policyRules,
  type Permission,
  type Uses,
} from './permissions.ts'
export type { InstallationOptions, InstallationPlan, Manifest } from './plan.ts'
export { planInstallation, planInstalled, planPlace, type PlanningOptions } from './planning.ts'
export { uninstall, type UninstallOptions } from './uninstall.ts'
export { toYaml } from './yaml.ts'
