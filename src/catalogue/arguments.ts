import { splitCommand } from '../config/index.ts'
import type { VllmModel } from './schema.ts'

/**
 * What stands behind `vllm serve`, but host and port, which are the driver's. Names come right behind
 * the model, so that no later flag can be read as one of them.
 */
export function vllmArguments(model: VllmModel): string[] {
  const { spec } = model
  return [
    spec.modelName,
    '--served-model-name',
    spec.servedModelName,
    ...spec.aliases,
    '--tensor-parallel-size',
    String(spec.tensorParallelSize),
    '--max-model-len',
    String(spec.maxModelLen),
    '--gpu-memory-utilization',
    String(spec.gpuMemoryUtilization),
    spec.enableChunkedPrefill ? '--enable-chunked-prefill' : '--no-enable-chunked-prefill',
    '--max-num-batched-tokens',
    String(spec.maxNumBatchedTokens),
    '--max-num-seqs',
    String(spec.maxNumSeqs),
    '--dtype',
    spec.dtype,
    ...(spec.disableCustomAllReduce ? ['--disable-custom-all-reduce'] : []),
    spec.enablePrefixCaching ? '--enable-prefix-caching' : '--no-enable-prefix-caching',
    ...(spec.cpuOffloadGB > 0 ? ['--cpu-offload-gb', String(spec.cpuOffloadGB)] : []),
    ...toolArguments(model),
    ...(spec.reasoningParser === '' ? [] : ['--reasoning-parser', spec.reasoningParser]),
    ...spec.extraArgs,
  ]
}

/** vLLM ends at once with "--enable-auto-tool-choice requires --tool-call-parser". */
function toolArguments({ spec }: VllmModel): string[] {
  if (spec.toolCallParser === '') return []
  return [
    ...(spec.enableAutoToolChoice ? ['--enable-auto-tool-choice'] : []),
    '--tool-call-parser',
    spec.toolCallParser,
  ]
}

/** Words to run instead of the backend's command, or undefined where the manifest names none. */
export function commandOf({ spec }: VllmModel): readonly string[] | undefined {
  return typeof spec.command === 'string' ? splitCommand(spec.command) : spec.command
}
