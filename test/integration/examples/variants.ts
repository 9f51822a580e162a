/** The same installation, by the flags of `vllm-chill manifests` and by the values of the chart. */
export interface Variant {
  readonly words: string
  readonly values: object
}

export const variants: Readonly<Record<string, Variant>> = {
  'as by default': { words: '', values: {} },
  'with model switching and settings': {
    words: '--enable-model-switch --idle-timeout 10m --default-model qwen',
    values: { config: { enableModelSwitch: true, idleTimeout: '10m', defaultModel: 'qwen' } },
  },
  'with keys and tokens': {
    words:
      '--api-keys-secret keys --operations-token-secret operators/word --program-pull-secret registry ' +
      '--api-key-secret engine/key',
    values: {
      apiKeysSecret: { name: 'keys' },
      operationsTokenSecret: { name: 'operators', key: 'word' },
      image: { pullSecrets: ['registry'] },
      config: { apiKeySecret: 'engine/key' },
    },
  },
  'reached from outside': {
    words: '--ingress-host llm.example.com --ingress-class nginx --ingress-tls-secret tls',
    values: { ingress: { host: 'llm.example.com', className: 'nginx', tlsSecret: 'tls' } },
  },
  'locked down': {
    words: '--network-policy --pod-disruption-budget --replicas 2 --port-forward',
    values: { networkPolicy: true, podDisruptionBudget: true, replicas: 2, portForward: true },
  },
  'watched, under another name': {
    words: '--operations-port 9000 --service-monitor --port 8888 --lease-name other',
    values: {
      config: { operationsPort: 9000, port: 8888, leaseName: 'other' },
      serviceMonitor: true,
    },
  },
  'watched with a token, another image': {
    words: '--service-monitor --operations-token-secret operators --program-image registry/chill:7',
    values: {
      serviceMonitor: true,
      operationsTokenSecret: { name: 'operators' },
      image: { repository: 'registry/chill', tag: '7' },
    },
  },
}
