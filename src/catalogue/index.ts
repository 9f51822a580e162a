export { commandOf, vllmArguments } from './arguments.ts'
export { catalogueModel, type ModelDefaults } from './facts.ts'
export { openFolderCatalogue, type FolderCatalogueOptions } from './folder.ts'
export { checkManifest, parseManifests, type Manifest, type Manifests } from './manifests.ts'
export { revisionOf } from './revision.ts'
export {
  apiGroup,
  apiVersion,
  kind,
  modelSchema,
  specSchema,
  type VllmModel,
  type VllmModelManifest,
} from './schema.ts'
export { settleNames } from './settle-names.ts'
export type { Catalogue, CatalogueModel, CatalogueProblem } from './types.ts'
export { validateManifests, type Validation } from './validate.ts'
