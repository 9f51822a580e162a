import { type Flag, behaviourFlags, faultFlags, flagName, vllmFlags } from './flags.ts'

const examples = [
  'vllm-chill simulate --model org/name --served-model-name name --port 9000 --load-time 2s',
  'vllm-chill simulate serve org/name --tensor-parallel-size 2 --ttft 50ms --itl 10ms --jitter 0.2',
  'vllm-chill simulate org/name --gpu-lock gpu-{gpu}.lock --worker-linger 1s',
  'VLLM_CHILL_SIMULATE_FAIL_LOAD=3 vllm-chill simulate org/name',
]

/** What `simulate --help` prints. */
export function usage(): string {
  return [
    'Usage: vllm-chill simulate [MODEL] [options]',
    '',
    'Behaves as a vLLM server without a GPU. Answers name the model and echo the last message.',
    "vLLM's other flags are accepted and ignored, so that a command line meant for vLLM runs.",
    'Every option can also be set as VLLM_CHILL_SIMULATE_<NAME>, such as',
    'VLLM_CHILL_SIMULATE_LOAD_TIME=2s.',
    '',
    'As in vLLM:',
    ...rows(vllmFlags),
    '',
    'Behaviour:',
    ...rows(behaviourFlags),
    '',
    'Faults:',
    ...rows(faultFlags),
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
  ].join('\n')
}

function rows(group: Readonly<Record<string, Flag<unknown>>>): string[] {
  return Object.entries(group).map(
    ([key, flag]) => `  ${`${flagName(key)} ${flag.shape}`.padEnd(34)} ${flag.help}`,
  )
}
