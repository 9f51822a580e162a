import { modelSchema, type VllmModel } from '../../../../../src/catalogue/index.ts'
import type { BackendPlace } from '../../../../../src/drivers/kubernetes/index.ts'

export function place(fields: Partial<BackendPlace> = {}): BackendPlace {
  return {
    backend: 'vllm',
    namespace: 'ai',
    deployment: 'vllm',
    configMap: 'vllm-config',
    service: 'vllm-svc',
    servicePort: 80,
    installation: 'ai/vllm-chill',
    image: 'vllm/vllm-openai:v0.32.0',
    command: ['vllm', 'serve'],
    gpuResource: 'nvidia.com/gpu',
    hfTokenSecret: { name: 'hf-token-secret', key: 'token' },
    apiKeySecret: undefined,
    terminationGraceMs: 30_000,
    pod: {},
    templates: [],
    ...fields,
  }
}

export function manifest(spec: Record<string, unknown> = {}): VllmModel {
  return modelSchema.parse({
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name: 'a' },
    spec: { modelName: 'org/a', servedModelName: 'a', ...spec },
  })
}
