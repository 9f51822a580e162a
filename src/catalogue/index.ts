export { commandOf, vllmArguments } from './arguments.ts'
export { catalogueModel, type ModelDefaults } from './facts.ts'
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
export type { Catalogue, CatalogueModel, CatalogueProblem } from './types.ts'
