/**
 * Writes the manifests below examples/ by the very commands that stand in their first lines, the kustomize
 * overlays, what of the Helm chart is derived, the Grafana dashboard, and the recorded trace of an office day.
 * `node examples/generate.ts` writes; with `--check` it fails when something is stale.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { parseAllDocuments } from 'yaml'
import { main } from '../src/cli/main.ts'
import { pipeTerminal } from '../src/cli/terminal.ts'
import type { Manifest } from '../src/installation/index.ts'
import { chartFiles } from './helm/generated.ts'
import { kustomizeFiles } from './kustomize/generated.ts'
import { dashboard } from './monitoring/dashboard.ts'
import { officeDay } from './traces/office-day.ts'

interface Example {
  readonly file: string
  /** What it shows, and what must be there before. */
  readonly about: readonly string[]
  /** Of `vllm-chill manifests`. */
  readonly words: string
  /** Manifests that come after, as they are. */
  readonly models?: readonly string[]
}

const qwen = `apiVersion: vllm.efortin.github.io/v1alpha1
kind: VLLMModel
metadata:
  name: qwen3-coder-30b-fp8
  namespace: ai-apps
spec:
  modelName: Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8
  servedModelName: qwen3-coder-30b-fp8
  toolCallParser: qwen3_coder
  maxModelLen: 65536
  gpuMemoryUtilization: 0.95
`
const deepseek = `apiVersion: vllm.efortin.github.io/v1alpha1
kind: VLLMModel
metadata:
  name: deepseek-r1-fp8
  namespace: ai-apps
spec:
  modelName: RedHatAI/DeepSeek-R1-Distill-Qwen-7B-FP8-dynamic
  servedModelName: deepseek-r1-fp8
  reasoningParser: deepseek_r1
  maxModelLen: 32768
`

const keys = [
  'Before: kubectl create secret generic vllm-chill-keys -n ai-apps --from-file=api-keys=keys.txt',
]

const examples: readonly Example[] = [
  {
    file: 'kubernetes-with-model-switching.yaml',
    about: [
      'Two models that share one GPU, and all that it takes. For private or gated weights, before:',
      'kubectl create secret generic hf-token-secret -n ai-apps --from-literal=token=hf_…',
      'A server that has not known VLLMModels so far refuses the two at the end: apply it once more.',
    ],
    words: '--namespace ai-apps --enable-model-switch',
    models: [qwen, deepseek],
  },
  {
    file: 'kubernetes/minimal.yaml',
    about: ['An existing Deployment `vllm` is put to sleep and woken; nothing else is touched.'],
    words: '--namespace ai-apps',
  },
  {
    file: 'kubernetes/ingress.yaml',
    about: ['Reached from outside the cluster, by clients that show a key.', ...keys],
    words:
      '--namespace ai-apps --enable-model-switch --ingress-host llm.example.com ' +
      '--ingress-class nginx --ingress-tls-secret llm-example-com-tls --api-keys-secret ' +
      'vllm-chill-keys',
  },
  {
    file: 'kubernetes/locked-down.yaml',
    about: [
      'Only the proxy reaches vLLM, clients show a key, operators a token, and one proxy always stays.',
      'CRD and Namespace are left to whoever may make them.',
      ...keys,
      'and: kubectl create secret generic vllm-chill-operators -n ai-apps --from-literal=token=…',
    ],
    words:
      '--namespace ai-apps --enable-model-switch --no-crd --no-create-namespace ' +
      '--network-policy --pod-disruption-budget --replicas 2 --api-keys-secret ' +
      'vllm-chill-keys --operations-token-secret vllm-chill-operators',
  },
  {
    file: 'kubernetes/monitoring.yaml',
    about: ['Seen by the Prometheus operator, on a port that clients do not reach.'],
    words: '--namespace ai-apps --enable-model-switch --operations-port 9090 --service-monitor',
  },
  {
    file: 'kubernetes/several-gpus.yaml',
    about: ['Two backends of one GPU each, from a configuration file.'],
    words: '--namespace ai-apps --config examples/kubernetes/several-gpus.config.yaml',
  },
]

export const exampleFiles = examples.map(({ file }) => file)

/** The files that are not as the program makes them, with their right text. */
export async function staleExamples(): Promise<{ file: URL; text: string }[]> {
  const stale = []
  const wanted = new Map<string, string>()
  for (const example of examples) wanted.set(example.file, await textOf(example))
  wanted.set('monitoring/vllm-chill.dashboard.json', `${JSON.stringify(dashboard(), null, 2)}\n`)
  wanted.set('traces/office-day.jsonl', officeDay())
  for (const [name, text] of chartFiles()) wanted.set(`helm/vllm-chill/${name}`, text)
  for (const [name, text] of await kustomizeFiles(manifestsOf))
    wanted.set(`kustomize/${name}`, text)
  for (const [name, text] of wanted) {
    const file = new URL(name, import.meta.url)
    const present = await readFile(file, 'utf8').catch(() => '')
    if (present !== text) stale.push({ file, text })
  }
  return stale
}

async function textOf({ about, words, models = [] }: Example): Promise<string> {
  const command = `vllm-chill manifests ${words}`
  const printed = await outputOf(['node', ...command.split(' ')])
  const head = [...about, `Made by: ${command}`].map((line) => `# ${line}\n`)
  return [head.join('') + printed, ...models].join('---\n')
}

/** What `vllm-chill manifests` gives for these words. */
export async function manifestsOf(words: string): Promise<readonly Manifest[]> {
  const printed = await outputOf(['node', 'vllm-chill', 'manifests', ...words.split(' ')])
  return parseAllDocuments(printed).map((document) => document.toJS() as Manifest)
}

async function outputOf(argv: readonly string[]): Promise<string> {
  let text = ''
  const terminal = pipeTerminal({
    print: (printed) => {
      text += `${printed}\n`
    },
    say: (said) => {
      throw new Error(said)
    },
  })
  await main(argv, terminal)
  return text
}

if (import.meta.main) {
  process.chdir(new URL('..', import.meta.url).pathname)
  const stale = await staleExamples()
  if (process.argv.includes('--check')) {
    for (const { file } of stale) {
      process.stderr.write(`${file.pathname} is stale; run \`node examples/generate.ts\`\n`)
    }
    process.exitCode = stale.length > 0 ? 1 : 0
  } else {
    for (const { file, text } of stale) {
      await mkdir(new URL('.', file), { recursive: true })
      await writeFile(file, text)
    }
  }
}
