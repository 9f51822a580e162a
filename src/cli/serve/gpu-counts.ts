import type { Catalogue, CatalogueModel } from '../../catalogue/index.ts'
import type { BackendSettings, Settings } from '../../config/index.ts'
import type { GpuCount } from '../../metrics/index.ts'

/** The GPUs of each backend, for the hours that they are held and saved. */
export function gpuCounts(
  { backends, driver, pod }: Pick<Settings, 'backends' | 'driver' | 'pod'>,
  { models }: Pick<Catalogue, 'models'>,
): (backend: string) => GpuCount {
  const gpusOf = (backend: BackendSettings, { manifest: { spec } }: CatalogueModel): number => {
    const { gpus, pool, poolGpus } = backend
    if (pool !== undefined) return poolGpus
    // Set aside for this backend, whatever its model makes of them.
    if (driver === 'process' && gpus !== undefined) return gpus.split(',').length
    return spec.gpuCount ?? backend.pod.gpuCount ?? pod.gpuCount ?? spec.tensorParallelSize
  }
  const counts = new Map(
    backends.map((backend): [string, GpuCount] => {
      const mayServe = (name: string) => backend.models?.includes(name) ?? true
      let seen = 1
      return [
        backend.name,
        {
          // A model that left the catalogue is still on its GPUs.
          of(name) {
            const model = models.get(name)
            return model ? (seen = gpusOf(backend, model)) : seen
          },
          get always() {
            const all = [...models.values()].filter(({ name }) => mayServe(name))
            return Math.max(0, ...all.map((model) => gpusOf(backend, model)))
          },
        },
      ]
    }),
  )
  return (backend) => counts.get(backend) ?? { of: () => 0, always: 0 }
}
