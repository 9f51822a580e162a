export { readEngineLoad } from './engine-load.ts'
export { probe, probeAgent, type ProbeAnswer, type ProbeRequest } from './probe.ts'
export { untilAborted } from './until-aborted.ts'
