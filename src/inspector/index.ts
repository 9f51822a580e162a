export { createInspector, type Inspector } from './viewers.ts'
