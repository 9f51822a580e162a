export { fault } from './api.ts'
export { FakeCluster } from './cluster.ts'
export { becomes, restarts, type PodFields } from './pods.ts'
export { theirConfigMap, theirDeployment } from './theirs.ts'
