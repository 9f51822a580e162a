export { commandOf, vllmArguments } from './arguments.ts'
export { compareCrd, crdName, vllmModelCrd, type CrdComparison } from './crd.ts'
export { catalogueModel, type ModelDefaults } from './facts.ts'
export { followManifests, nothingKnown, type Known, type Origin } from './follow-manifests.ts'
export { openFolderCatalogue, type FolderCatalogueOptions } from './folder.ts'
export { keepModels } from './kept-models.ts'
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
export type { ChangeListeners } from './tell-changes.ts'
