export type * from './types.ts'
export * from './driver.ts'
