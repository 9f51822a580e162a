import { CustomObjectsApi } from '@kubernetes/client-node'
import { crdName } from '../catalogue/index.ts'
import { connect, createApi, type Api, type ApiOptions } from '../drivers/kubernetes/index.ts'
import { fieldManager, type InstallationPlan } from './plan.ts'

/** Somebody sits in front of it: trouble that does not pass at once is told. */
const budgetMs = 3_000

/** The cluster that a command works on. */
export interface Cluster {
  readonly api: Api
  /** The plan, in the namespace that is meant. */
  readonly plan: InstallationPlan
  readonly inCluster: boolean
  /** `namespace/name` of every VLLMModel there is, in all namespaces. */
  modelsEverywhere(): Promise<readonly string[]>
}

/** @throws ConfigError when no kubeconfig says where the cluster is */
export function reachCluster(asked: InstallationPlan, log: ApiOptions['log']): Cluster {
  const { kubeconfig, context, sources } = asked.settings
  const connection = connect({ kubeconfig, context })
  // Told by nobody, it is the one of the context, as for every other client.
  const namespace =
    sources.namespace === 'default' ? (connection.namespace ?? asked.namespace) : asked.namespace
  const api = createApi(connection, { namespace, fieldManager, budgetMs, log })
  return {
    api,
    plan: { ...asked, namespace },
    inCluster: connection.inCluster,
    async modelsEverywhere() {
      const objects = connection.config.makeApiClient(CustomObjectsApi)
      const [plural = '', ...group] = crdName.split('.')
      const place = { group: group.join('.'), version: 'v1alpha1', plural }
      const list = (await objects.listClusterCustomObject(place)) as {
        items: { metadata: { namespace: string; name: string } }[]
      }
      return list.items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
    },
  }
}
