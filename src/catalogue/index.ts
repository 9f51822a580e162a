export { commandOf, vllmArguments } from './arguments.ts'
export { compareCrd, crdName, schemaAnnotation, vllmModelCrd, type CrdComparison } from './crd.ts'
export { catalogueModel, type ModelDefaults } from './facts.ts'
export { openFolderCatalogue, type FolderCatalogueOptions } from './folder.ts'
export { checkManifest, parseManifests, type Manifest, type Manifests } from './manifests.ts'
export { revisionOf } from './revision.ts'
export {
  apiVersion as modelApiVersion,
  kind as modelKind,
  modelSchema,
  specSchema,
  type VllmModel,
  type VllmModelManifest,
} from './schema.ts'
export { statusSchema, type ModelCondition, type ModelPhase, type ModelStatus } from './status.ts'
export { settleNames } from './settle-names.ts'
export type { Catalogue, CatalogueModel, CatalogueProblem } from './types.ts'
export { validateManifests, type Validation } from './validate.ts'
