export { type Binaries, findBinaries, howToGetBinaries } from './find.ts'
