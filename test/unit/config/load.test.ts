import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError, loadSettings, objectNames, type Settings } from '../../../src/config/index.ts'

interface Given {
  flags?: Record<string, unknown>
  env?: Record<string, string>
  /** Content of /etc/chill/config.yaml, which is then read. */
  file?: string
  /** Further files by absolute path. */
  files?: Record<string, string>
}

function load({ flags = {}, env = {}, file, files = {} }: Given): Settings {
  const all: Record<string, string> =
    file === undefined ? files : { ...files, '/etc/chill/config.yaml': file }
  return loadSettings({
    flags: file === undefined ? flags : { ...flags, config: '/etc/chill/config.yaml' },
    env,
    cwd: '/somewhere',
    home: '/home/me',
    readFile: (path) => {
      const text = all[path]
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return text
    },
  })
}

function problemsOf(given: Given): readonly string[] {
  try {
    load(given)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('precedence', () => {
  test('a flag wins over a variable, that over the file, that over the default', () => {
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined })
    fc.assert(
      fc.property(port, port, port, (flag, variable, file) => {
        const settings = load({
          ...(flag === undefined ? {} : { flags: { port: flag } }),
          ...(variable === undefined ? {} : { env: { PORT: String(variable) } }),
          file: file === undefined ? 'hold: true' : `port: ${file}`,
        })
        expect(settings.port).toBe(flag ?? variable ?? file ?? 8080)
        expect(settings.sources.port).toBe(
          flag !== undefined
            ? 'flag --port'
            : variable !== undefined
              ? 'environment PORT'
              : file !== undefined
                ? 'file /etc/chill/config.yaml'
                : 'default',
        )
      }),
    )
  })

  test('a value that is overridden is not even looked at, for the flag may be the way round it', () => {
    const env = { VLLM_PORT: 'tcp://10.0.0.1:80' }
    expect(load({ env, flags: { targetPort: '81' } }).targetPort).toBe(81)
  })

  test('VLLM_CHILL_CONFIG names the file too', () => {
    const settings = load({
      env: { VLLM_CHILL_CONFIG: 'c.yaml' },
      files: { '/somewhere/c.yaml': 'port: 1' },
    })
    expect(settings.port).toBe(1)
    expect(settings.configFile).toBe('/somewhere/c.yaml')
  })

  test('an empty variable and a key without a value count as not set', () => {
    expect(load({ env: { PORT: '' }, file: 'port:' }).sources.port).toBe('default')
  })
})

describe('defaults', () => {
  test('are those of a machine with one backend', () => {
    const settings = load({})
    expect(settings).toMatchObject({
      host: '0.0.0.0',
      port: 8080,
      driver: 'process',
      idleTimeoutMs: 300_000,
      startTimeoutMs: 600_000,
      enableModelSwitch: true,
      shutdownDelayMs: 0,
      maxHeldBytes: 256 * 1024 ** 2,
      bodyLimitBytes: 64 * 1024 ** 2,
      stateDir: '/home/me/.local/state/vllm-chill',
      waitDeadlineMs: undefined,
      logOutput: false,
    })
    expect(settings.backends).toEqual([
      {
        name: 'vllm',
        models: undefined,
        gpus: undefined,
        pool: undefined,
        poolGpus: 1,
        idleTimeoutMs: undefined,
        keepWarm: [],
        minIdleReplicas: undefined,
        command: ['vllm', 'serve'],
        env: {},
        deployment: undefined,
        configmap: undefined,
        service: undefined,
        pod: {},
      },
    ])
  })

  test('in a cluster differ where the original did, and endpoints need time to move', () => {
    expect(load({ flags: { driver: 'kubernetes' } })).toMatchObject({
      enableModelSwitch: false,
      shutdownDelayMs: 5000,
    })
  })

  test('the state directory follows XDG_STATE_HOME', () => {
    expect(load({ env: { XDG_STATE_HOME: '/state' } }).stateDir).toBe('/state/vllm-chill')
  })
})

describe("the original's names", () => {
  test('its variables set the same values', () => {
    const env = {
      VLLM_NAMESPACE: 'n',
      VLLM_DEPLOYMENT: 'd',
      VLLM_CONFIGMAP: 'c',
      VLLM_TARGET: 't',
      VLLM_PORT: '81',
      IDLE_TIMEOUT: '30s',
      MODEL_SWITCH_TIMEOUT: '1h30m',
      PORT: '9000',
      ENABLE_MODEL_SWITCH: 'false',
      ENABLE_METRICS: '0',
      LOG_OUTPUT: '1',
    }
    expect(load({ env })).toMatchObject({
      namespace: 'n',
      deployment: 'd',
      configmap: 'c',
      targetHost: 't',
      targetPort: 81,
      idleTimeoutMs: 30_000,
      startTimeoutMs: 5_400_000,
      port: 9000,
      enableModelSwitch: false,
      enableMetrics: false,
      logOutput: true,
    })
  })

  test('--model-switch-timeout is --start-timeout, and the two may not differ', () => {
    expect(load({ flags: { modelSwitchTimeout: '7m' } })).toMatchObject({
      startTimeoutMs: 420_000,
      sources: { startTimeout: 'flag --model-switch-timeout' },
    })
    expect(load({ flags: { modelSwitchTimeout: '60s', startTimeout: '1m' } }).startTimeoutMs).toBe(
      60_000,
    )
    expect(problemsOf({ flags: { modelSwitchTimeout: '7m', startTimeout: '8m' } })).toEqual([
      '--start-timeout and --model-switch-timeout set the same value and differ; leave one out',
    ])
  })

  test('a variable that Kubernetes injected for a Service is explained', () => {
    expect(problemsOf({ env: { VLLM_PORT: 'tcp://10.0.0.1:80' } })[0]).toContain(
      'enableServiceLinks: false',
    )
  })
})

describe('what cannot be understood', () => {
  test('is all told at once, each with what was expected', () => {
    const problems = problemsOf({
      flags: { prot: 1, port: '70000', hold: 'maybe', idleTimeout: '5' },
      env: { VLLM_CHILL_BODY_LIMIT: 'big' },
      file: 'idleTimout: 5m\nlogLevel: verbose',
    })
    expect(problems).toEqual([
      '/etc/chill/config.yaml: idleTimout: unknown setting; did you mean idleTimeout?',
      '--prot: unknown flag; did you mean --port?',
      expect.stringMatching(/^--port: "70000" .* a whole number from 0 to 65535$/),
      expect.stringMatching(/^--idle-timeout: "5" .* a duration .*30s/),
      expect.stringMatching(/^--hold: "maybe" .* true or false$/),
      expect.stringMatching(/^VLLM_CHILL_BODY_LIMIT: "big" .* a size/),
      expect.stringMatching(
        /^\/etc\/chill\/config.yaml: logLevel: "verbose" .* one of trace, debug/,
      ),
    ])
  })

  test('a start that may take no time at all', () => {
    expect(problemsOf({ flags: { startTimeout: '0' } })[0]).toMatch(/expected a duration from 1ms/)
  })

  test('a flag without its value, or given twice', () => {
    expect(problemsOf({ flags: { port: true } })[0]).toMatch(/^--port: needs a value/)
    expect(problemsOf({ flags: { port: ['1', '2'] } })).toEqual([
      '--port: is given 2 times; once is enough',
    ])
  })

  test('a file that is missing, broken or no map', () => {
    expect(problemsOf({ flags: { config: 'nope.yaml' } })).toEqual([
      '--config: /somewhere/nope.yaml does not exist',
    ])
    expect(problemsOf({ file: 'port: [1' })[0]).toMatch(/config\.yaml: .*line 1/)
    expect(problemsOf({ file: '- port' })[0]).toContain('expected a map of settings')
    expect(problemsOf({ flags: { config: ['a', 'b'] } })[0]).toContain('the path of one file')
  })

  test('the message of a broken secret does not hold it', () => {
    const problems = problemsOf({ file: 'operationsToken: 123456\nbackendApiKey: [hunter2, x]' })
    expect(problems).toHaveLength(2)
    expect(problems.join()).not.toMatch(/123456|hunter2/)
  })
})

describe('paths', () => {
  test('in the file are relative to it, elsewhere to the working directory', () => {
    expect(load({ file: 'models: ../models' }).models).toBe('/etc/models')
    expect(load({ flags: { models: 'models' } }).models).toBe('/somewhere/models')
    expect(load({ env: { VLLM_CHILL_MODELS: './models' } }).models).toBe('/somewhere/models')
    expect(load({ file: 'models: ~/models' }).models).toBe('/home/me/models')
  })
})

describe('secrets', () => {
  test('may stand in files, one a line where several are taken', () => {
    const settings = load({
      file: 'operationsToken: file:token\napiKeysFile: keys',
      env: { VLLM_CHILL_API_KEYS: 'a, file:/more' },
      files: { '/etc/chill/token': 'op\n', '/etc/chill/keys': '# ours\nc\n\nd\n', '/more': 'b\n' },
    })
    expect(settings.operationsToken).toBe('op')
    expect(settings.apiKeys).toEqual(['a', 'b', 'c', 'd'])
  })

  test('a missing or empty file is a problem, not an open door', () => {
    expect(problemsOf({ flags: { operationsToken: 'file:/no' } })).toEqual([
      '--operations-token: /no does not exist',
    ])
    expect(problemsOf({ flags: { apiKeysFile: '/empty' }, files: { '/empty': '\n#\n' } })).toEqual([
      'apiKeysFile: /empty is empty; write the secret into it',
    ])
  })

  test("a client's key is not the operations token", () => {
    expect(problemsOf({ flags: { apiKeys: 'a,b', operationsToken: 'b' } })[0]).toMatch(
      /^operationsToken:/,
    )
  })
})

describe('backends', () => {
  test('take from the flat settings what they do not say', () => {
    const { backends, sources } = load({
      flags: { command: 'run "the thing"' },
      file: `
        backends:
          - name: large
            gpus: [0, 1]
            models: [a, b]
          - { name: small, gpus: 2, idleTimeout: 30m, command: vllm-chill simulate, env: { A: "1" } }
      `,
    })
    expect(sources.backends).toBe('file /etc/chill/config.yaml')
    expect(backends).toEqual([
      {
        name: 'large',
        gpus: '0,1',
        pool: undefined,
        poolGpus: 1,
        models: ['a', 'b'],
        idleTimeoutMs: undefined,
        keepWarm: [],
        minIdleReplicas: undefined,
        command: ['run', 'the thing'],
        env: {},
        deployment: undefined,
        configmap: undefined,
        service: undefined,
        pod: {},
      },
      {
        name: 'small',
        gpus: '2',
        pool: undefined,
        poolGpus: 1,
        models: undefined,
        idleTimeoutMs: 1_800_000,
        keepWarm: [],
        minIdleReplicas: undefined,
        command: ['vllm-chill', 'simulate'],
        env: { A: '1' },
        deployment: undefined,
        configmap: undefined,
        service: undefined,
        pod: {},
      },
    ])
  })

  test('are checked field by field', () => {
    const file = `
      backends:
        - { name: Large }
        - { name: a, gpu: 0 }
        - { name: a, env: { A: 1 } }
        - { gpus: 0 }
        - word
    `
    expect(
      problemsOf({ file }).map((problem) => problem.replace('/etc/chill/config.yaml: ', '')),
    ).toEqual([
      expect.stringMatching(/^backends\[0\]\.name: "Large" .* DNS label/),
      'backends[1].gpu: unknown field; did you mean gpus?',
      'backends[2].env: what is given is not understood; expected a map of names to text (quote numbers and booleans)',
      'backends[3].name: is missing',
      'backends[4]: expected a map with at least a name',
      'backends[2].name: a is already taken; names must be unique',
    ])
    expect(problemsOf({ file: 'backends: []' })[0]).toContain('at least one backend')
  })

  test('have their own GPUs; the flat ones are for a single backend', () => {
    const problems = problemsOf({ flags: { gpus: '0' }, file: 'backends: [{ name: a }]' })
    expect(problems[0]).toMatch(/^gpus: is for a single backend/)
  })

  test('a single one takes the flat GPUs', () => {
    expect(load({ flags: { gpus: '0,1' } }).backends[0]?.gpus).toBe('0,1')
  })
})

test('two ports of the same number are a mistake, two free ones are not', () => {
  expect(problemsOf({ flags: { port: '8080', operationsPort: '8080' } })[0]).toMatch(
    /^operationsPort/,
  )
  expect(problemsOf({ flags: { port: '0', operationsPort: '0' } })).toEqual([])
})

describe('the driver', () => {
  const driver = (flags: object, env = {}) => load({ flags: { ...flags }, env }).driver

  test('is the cluster where one is named, or where the program runs in one', () => {
    expect(driver({})).toBe('process')
    for (const flag of ['kubeconfig', 'context', 'namespace']) {
      expect(driver({ [flag]: 'x' })).toBe('kubernetes')
    }
    expect(driver({}, { VLLM_NAMESPACE: 'ai' })).toBe('kubernetes')
    expect(driver({}, { KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toBe('kubernetes')
  })

  test('is processes where that is said, or a folder of models is given inside a cluster', () => {
    expect(driver({ driver: 'process', namespace: 'x' })).toBe('process')
    expect(driver({ models: '/m' }, { KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toBe('process')
  })

  test('of a cluster takes no folder of models, and says what made it one', () => {
    const because = (given: Given) => problemsOf(given).join()
    const models = '/m'
    expect(because({ flags: { namespace: 'x', models } })).toBe(
      'models: a folder is for `driver: process`; in a cluster, models are VLLMModel resources (the driver is `kubernetes` as namespace is given by flag --namespace)',
    )
    expect(because({ flags: { models }, env: { VLLM_NAMESPACE: 'x' } })).toContain(
      'given by environment VLLM_NAMESPACE',
    )
    expect(because({ flags: { models, driver: 'kubernetes' } })).toMatch(/VLLMModel resources$/)
  })

  test('of a cluster chooses no devices of a machine', () => {
    expect(problemsOf({ flags: { driver: 'kubernetes', gpus: '0' } })).toEqual([
      expect.stringMatching(/^gpus: .*`pod.gpuCount`, says$/),
    ])
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' }
    expect(problemsOf({ env, file: 'backends: [{ name: a }, { name: b, gpus: 1 }]' })).toEqual([
      expect.stringMatching(/^backends\[1\]\.gpus: .*as the program runs in a cluster\)$/),
    ])
  })

  test.each([
    [{ namespace: 'My_Space' }, 'name of a namespace'],
    [{ deployment: 'my_vllm' }, 'a name of lower-case letters'],
    [{ leaseName: '-x' }, 'a name of lower-case letters'],
    [{ targetHost: '10.0.0.1' }, 'the name of a Service'],
    [{ targetHost: 'http://vllm-svc' }, 'the name of a Service'],
  ])('takes no %j', (flags, message) => {
    expect(problemsOf({ flags }).join()).toContain(message)
  })

  test('takes the names of the single backend, and for listed ones makes them of theirs', () => {
    const namesOf = (given: Given) => {
      const settings = load(given)
      return settings.backends.map((backend) => Object.values(objectNames(settings, backend)))
    }
    const targetHost = 'vllm-svc.ai.svc.cluster.local'
    expect(namesOf({ flags: { deployment: 'a.b', targetHost } })).toEqual([
      ['a.b', 'vllm-config', 'vllm-svc'],
    ])
    expect(namesOf({ file: 'backends: [{ name: vllm }, { name: b, service: c }]' })).toEqual([
      ['vllm', 'vllm-config', 'vllm-svc'],
      ['b', 'b-config', 'c'],
    ])
  })

  test('of a cluster takes no names for a single backend where several are listed', () => {
    const flags = { driver: 'kubernetes', deployment: 'x', targetHost: 'y' }
    expect(problemsOf({ flags, file: 'backends: [{ name: a }]' })).toEqual([
      'deployment: is for a single backend; give `deployment` to each entry of `backends` instead',
      'targetHost: is for a single backend; give `service` to each entry of `backends` instead',
    ])
  })

  test('of a cluster needs names of its own for each backend', () => {
    const file = 'backends: [{ name: a }, { name: b, deployment: a, service: a-svc }]'
    expect(problemsOf({ flags: { driver: 'kubernetes' }, file })).toEqual([
      'backends[1].deployment: a is that of a too; each needs its own',
      'backends[1].service: a-svc is that of a too; each needs its own',
    ])
    expect(problemsOf({ file })).toEqual([])
  })
})

describe('the pod', () => {
  test('is read from the file, or as YAML from a flag', () => {
    const pod = { shmSize: '8Gi', modelCache: { pvc: 'cache' } }
    expect(load({ flags: { pod: JSON.stringify(pod) } }).pod).toEqual(pod)
    expect(load({ file: `pod: ${JSON.stringify(pod)}` }).pod).toEqual(pod)
  })

  test('never tells what its variables hold', () => {
    const text = '{env: {TOKEN: 12345}, shmsize: 1}'
    expect(problemsOf({ flags: { pod: text } }).join()).not.toContain('12345')
  })

  test.each([
    ['{shmsize: 1}', 'pod.shmsize: unknown field; did you mean shmSize?'],
    ['{shmSize: much}', 'pod.shmSize: "much" must be an amount'],
    ['{modelCache: {pvc: a, hostPath: /b}}', 'must be one of pvc, hostPath and emptyDir'],
    ['{modelCache: {pvc: a, subPath: ../b}}', 'pod.modelCache.subPath: "../b" must be a path'],
    ['{modelCache: {pvc: a, subpath: b}}', 'did you mean subPath?'],
    ['{tolerations: [{effect: Never}]}', 'pod.tolerations[0].effect: "Never" is not one of'],
    ['{tolerations: [{operator: Exists, value: a}]}', 'must have no value'],
    ['{tolerations: [{value: a}]}', 'must have a key'],
    ['{tolerations: [{key: a, tolerationSeconds: 1}]}', 'must have the effect NoExecute'],
    ['{modelCache: {hostPath: b}}', 'must be an absolute path'],
    ['{probes: {startup: true}}', 'pod.probes.startup: true is not'],
    ['{probes: {liveness: {periodseconds: 1}}}', 'did you mean periodSeconds?'],
    ['{serviceAccount: My_Account}', 'pod.serviceAccount: "My_Account" must be a name'],
    ['{gpuCount: 1.5}', 'pod.gpuCount: 1.5 is not a whole number'],
    ['{', 'pod: expected a map, such as'],
    ['text', 'pod: expected a map, such as'],
  ])('%s is refused with its path', (text, message) => {
    expect(() => load({ flags: { pod: text } })).toThrow(message)
  })
})
