import { startCluster } from './cluster.ts'

/**
 * `npm run cluster:up [NAMESPACE…]`: a real control plane and a simulated GPU node, until ^C. The
 * first namespace (ai-apps) is where the kubeconfigs point.
 */
const given = process.argv.slice(2)
const namespaces = given.length > 0 ? given : ['ai-apps']
const startedAt = Date.now()
try {
  const cluster = await startCluster({ namespaces })
  const { plane, node } = cluster
  console.log(`# ${plane.url}, ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  console.log(`# node ${node.name}: 2 × nvidia.com/gpu; every image is a simulated vLLM`)
  console.log('# as the administrator:')
  console.log(`export KUBECONFIG=${plane.admin}`)
  for (const namespace of namespaces) {
    console.log(`# or as system:serviceaccount:${namespace}:vllm-chill:`)
    console.log(`export KUBECONFIG=${plane.serviceAccount(namespace)}`)
  }
  console.log('# ^C ends it and removes everything')
  let ending: Promise<void> | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      ending ??= cluster.stop().then(() => process.exit(0))
    })
  }
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
