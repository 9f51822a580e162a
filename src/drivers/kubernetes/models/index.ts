export { openClusterCatalogue, type ClusterCatalogueOptions } from './catalogue.ts'
export { openExistingCatalogue, servedNames, type ExistingOptions } from './existing.ts'
export { createModelStatus, type ModelStatusOptions } from './status-writer.ts'
export type {
  ClusterCatalogue,
  Finding,
  LiveModels,
  ModelReport,
  ModelStatusWriter,
} from './types.ts'
