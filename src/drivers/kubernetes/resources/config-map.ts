import type { VllmModel } from '../../../catalogue/index.ts'

/** The original's keys, which Deployments of users read. */
export function configMapData({ spec }: VllmModel): Record<string, string> {
  return {
    MODEL_NAME: spec.modelName,
    SERVED_MODEL_NAME: spec.servedModelName,
    TOOL_CALL_PARSER: spec.toolCallParser,
    REASONING_PARSER: spec.reasoningParser,
    TENSOR_PARALLEL_SIZE: String(spec.tensorParallelSize),
    MAX_MODEL_LEN: String(spec.maxModelLen),
    GPU_MEMORY_UTILIZATION: String(spec.gpuMemoryUtilization),
    ENABLE_CHUNKED_PREFILL: String(spec.enableChunkedPrefill),
    MAX_NUM_BATCHED_TOKENS: String(spec.maxNumBatchedTokens),
    MAX_NUM_SEQS: String(spec.maxNumSeqs),
    DTYPE: spec.dtype,
    DISABLE_CUSTOM_ALL_REDUCE: String(spec.disableCustomAllReduce),
    ENABLE_PREFIX_CACHING: String(spec.enablePrefixCaching),
    CPU_OFFLOAD_GB: String(spec.cpuOffloadGB),
    ENABLE_AUTO_TOOL_CHOICE: String(spec.enableAutoToolChoice),
  }
}

/** Flags whose value is one of the keys above. */
const keyOfFlag: Readonly<Record<string, string>> = {
  '--tensor-parallel-size': 'TENSOR_PARALLEL_SIZE',
  '--max-model-len': 'MAX_MODEL_LEN',
  '--gpu-memory-utilization': 'GPU_MEMORY_UTILIZATION',
  '--max-num-batched-tokens': 'MAX_NUM_BATCHED_TOKENS',
  '--max-num-seqs': 'MAX_NUM_SEQS',
  '--dtype': 'DTYPE',
  '--cpu-offload-gb': 'CPU_OFFLOAD_GB',
  '--tool-call-parser': 'TOOL_CALL_PARSER',
  '--reasoning-parser': 'REASONING_PARSER',
}

/** As it is, whatever Kubernetes would fill in: `$$` is a dollar to it. */
export function literally(text: string): string {
  return text.replaceAll('$', () => '$$')
}

/**
 * vLLM's arguments with the ConfigMap's keys in place of their values, for Kubernetes to fill in. What
 * looks like such a reference by itself is escaped.
 */
export function referringArguments(words: readonly string[], { spec }: VllmModel): string[] {
  // What the user wrote as it is stands at the end, and may repeat any flag.
  const own = words.length - spec.extraArgs.length
  return words.map((word, index) => {
    const key = index < own ? keyOfFlag[words[index - 1] ?? ''] : undefined
    if (key !== undefined) return `$(${key})`
    if (index === 0) return '$(MODEL_NAME)'
    if (index === 2) return '$(SERVED_MODEL_NAME)'
    return literally(word)
  })
}
