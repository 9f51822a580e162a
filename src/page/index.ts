export { mountPage } from './mount.ts'
