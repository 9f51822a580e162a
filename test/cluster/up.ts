import { startControlPlane } from './control-plane/index.ts'

const plane = await startControlPlane()
console.log(plane.admin)
