import { describe, expect, it } from 'vitest'
import { loadSettings } from '../../../../../src/config/index.ts'
import { placesOf } from '../../../../../src/drivers/kubernetes/index.ts'

const placesIn = (file: string, flags: Record<string, unknown> = {}) =>
  placesOf(
    loadSettings({
      flags: { driver: 'kubernetes', config: 'c.yaml', ...flags },
      env: {},
      cwd: '/',
      readFile: () => file,
    }),
    'ai',
    'ai/vllm-chill',
  )

describe('the places of backends', () => {
  it('are one, as the settings say, unless several are listed', () => {
    const flags = {
      deployment: 'mine',
      targetHost: 'svc.ai.svc',
      targetPort: '81',
      image: 'x/vllm:1',
    }
    expect(placesIn('', flags)).toEqual({
      vllm: {
        backend: 'vllm',
        namespace: 'ai',
        deployment: 'mine',
        configMap: 'vllm-config',
        service: 'svc',
        servicePort: 81,
        installation: 'ai/vllm-chill',
        image: 'x/vllm:1',
        command: ['vllm', 'serve'],
        gpuResource: 'nvidia.com/gpu',
        hfTokenSecret: { name: 'hf-token-secret', key: 'token' },
        apiKeySecret: undefined,
        terminationGraceMs: 30_000,
        pod: { env: {} },
        templates: [],
      },
    })
  })

  it('take of the general pod what their own leaves open, and lay both templates over it', () => {
    const { a, b } = placesIn(`
command: python3 -m server
pod:
  shmSize: 8Gi
  runtimeClass: nvidia
  env: { A: general, B: general }
  podTemplate: { spec: { hostIPC: true } }
backends:
  - name: a
    env: { B: backend }
    pod: { shmSize: 1Gi, podTemplate: { spec: { hostIPC: null } } }
  - name: b
    command: vllm serve --quiet
    pod: { env: { C: own } }
`)
    expect(a).toMatchObject({
      command: ['python3', '-m', 'server'],
      pod: { shmSize: '1Gi', runtimeClass: 'nvidia', env: { A: 'general', B: 'backend' } },
      templates: [{ spec: { hostIPC: true } }, { spec: { hostIPC: null } }],
    })
    expect(b?.command).toEqual(['vllm', 'serve', '--quiet'])
    expect(b?.pod).toEqual({ shmSize: '8Gi', runtimeClass: 'nvidia', env: { C: 'own' } })
    expect(b?.templates).toHaveLength(1)
  })
})
