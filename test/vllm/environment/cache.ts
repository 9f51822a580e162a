import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** The release that is installed, and stands in the names of what is made for it. */
export const vllmVersion = '0.32.0'

const cacheHome = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')

/** Holds the Python environment and the models; made by `ensure.ts`, safe to delete. */
export const cacheFolder = join(cacheHome, 'vllm-chill', 'vllm', vllmVersion)
export const venvFolder = join(cacheFolder, 'venv')
export const python = join(venvFolder, 'bin', 'python')
export const vllm = join(venvFolder, 'bin', 'vllm')
/** Written last, with what it was made from. */
export const stampFile = join(cacheFolder, 'complete')

/** The two models, of different sizes. */
export const modelFolders = {
  small: join(cacheFolder, 'models', 'small'),
  large: join(cacheFolder, 'models', 'large'),
} as const

/** For whatever runs vLLM: without a hub, without statistics, within what a small machine has. */
export const vllmEnvironment: Readonly<Record<string, string>> = {
  PATH: [join(venvFolder, 'bin'), process.env['PATH']].join(delimiter),
  HOME: homedir(),
  HF_HUB_OFFLINE: '1',
  VLLM_NO_USAGE_STATS: '1',
  VLLM_CPU_KVCACHE_SPACE: '1',
  // Threads pinned to a core of their own would all be pinned to the same one by two servers.
  VLLM_CPU_OMP_THREADS_BIND: 'nobind',
}

/** Of the memory vLLM may plan with, a share that a busy machine has free; and no compiler. */
export const frugalArguments = ['--gpu-memory-utilization', '0.1', '--enforce-eager'] as const
