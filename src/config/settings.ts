import { join } from 'node:path'
import { optional, setting } from './definition.ts'
import {
  boolean,
  choice,
  commandLine,
  devices,
  duration,
  integer,
  list,
  namespaceName,
  objectName,
  path,
  positiveDuration,
  secret,
  secretKey,
  secrets,
  serviceHost,
  size,
  text,
} from './kinds.ts'
import { gpuPoolMap } from './gpu-pools.ts'
import { warmWindows } from './keep-warm.ts'
import { podMap } from './pod.ts'

/**
 * Every setting, once. Flags, environment variables, file keys, `--help`, the reference in
 * docs/configuration.md and the JSON schema are derived from this table.
 */
export const settingDefinitions = {
  host: setting(text, '0.0.0.0', 'listening', 'Address to listen on.'),
  port: setting(integer(0, 65_535), 8080, 'listening', 'Port to listen on; 0 takes a free one.', {
    env: ['PORT'],
  }),
  operationsPort: optional(
    integer(0, 65_535),
    'listening',
    "A port of its own for the operators' side (`/proxy/…`).",
    { fallbackText: 'on `port`' },
  ),

  driver: setting(
    choice('process', 'kubernetes'),
    ({ driver }) => driver,
    'models',
    'Where backends run: as processes of this machine, or as Deployments of a cluster.',
    {
      fallbackText:
        '`kubernetes` where `kubeconfig`, `context` or `namespace` is given, or inside a cluster without `models`; else `process`',
    },
  ),
  models: optional(
    path,
    'models',
    'Folder (or one file) of VLLMModel manifests, watched. Needed by the process driver.',
  ),
  defaultModel: optional(
    text,
    'models',
    'Served name for requests that name no model. Without it they are answered only while exactly one model is known.',
  ),
  command: setting(
    commandLine,
    'vllm serve',
    'models',
    "What is run for a backend, before the model's arguments. No shell is involved; a first word `vllm-chill` means this very program.",
  ),
  gpus: optional(
    devices,
    'models',
    'GPUs of the single backend, set as CUDA_VISIBLE_DEVICES. With `backends` in the file, given there.',
    { fallbackText: 'all that the process sees' },
  ),
  gpuPools: setting(
    gpuPoolMap,
    {},
    'models',
    'GPUs that several backends share, by the name of the pool: `gpus`, how many, and with processes `devices`, which. A backend says its `pool`, and how many `gpus` of it it needs.',
    { fallbackText: 'none' },
  ),
  terminationGrace: setting(
    duration,
    30_000,
    'models',
    'How long a process or pod may take to end after SIGTERM before it is killed. In a pod, vLLM from 0.18 on is given four fifths of it for what is in flight.',
  ),
  stateDir: setting(
    path,
    ({ env, home }) => join(env.XDG_STATE_HOME || join(home, '.local', 'state'), 'vllm-chill'),
    'models',
    'Where running processes are noted, so that the next start finds what a crash left behind.',
    { fallbackText: '`$XDG_STATE_HOME/vllm-chill` or `~/.local/state/vllm-chill`' },
  ),
  probeInterval: setting(
    positiveDuration,
    100,
    'models',
    'Pause between two looks at whether a starting backend is ready.',
  ),

  idleTimeout: setting(
    duration,
    300_000,
    'times',
    'How long a model stays loaded after its last request has ended; 0 keeps it loaded. A model or backend may have its own.',
    { env: ['IDLE_TIMEOUT'] },
  ),
  startTimeout: setting(
    positiveDuration,
    600_000,
    'times',
    'How long the start of a model may take before it counts as failed. A model may have its own.',
    { env: ['VLLM_CHILL_START_TIMEOUT', 'MODEL_SWITCH_TIMEOUT'], alsoFlag: 'model-switch-timeout' },
  ),
  drainDeadline: setting(
    duration,
    300_000,
    'times',
    'How long requests in flight may hold up a switch, a reload or the end of the program before `drainDeadlineAction` applies.',
  ),
  drainDeadlineAction: setting(
    choice('wait', 'cut'),
    'wait',
    'times',
    'At the drain deadline: go on waiting and say who blocks, or cut the requests off.',
  ),
  switchPolicy: setting(
    choice('fair', 'patient', 'fifo', 'sticky'),
    'fair',
    'times',
    'When a busy backend turns to another model: when the waiting for it has cost as much as the switch, or has lasted `maxWait` (fair); only at `maxWait` (patient); in order of arrival (fifo); never (sticky).',
  ),
  maxWait: setting(
    duration,
    60_000,
    'times',
    'How long a request for another model waits at most before a busy backend is drained for it, unless `switchPolicy` is fifo or sticky.',
  ),
  minResidency: setting(
    duration,
    0,
    'times',
    'How long a model stays at least before another takes its place, unless somebody has waited `maxWait`.',
  ),
  maxResidency: setting(
    positiveDuration,
    600_000,
    'times',
    'A model first serves what was queued when it was loaded before it makes room, but no longer than this.',
  ),
  loadingWeight: setting(
    integer(0),
    1,
    'times',
    'Seconds of waiting that a second of loading is worth to the policy fair; more means fewer switches.',
  ),
  pinned: setting(
    list,
    [],
    'times',
    'Served names that make room for no other model while they are loaded. `vllm-chill pin` and `unpin` change it while the program runs.',
  ),
  whenPinned: setting(
    choice('refuse', 'wait'),
    'refuse',
    'times',
    'What happens to requests for other models while a pinned one is loaded wherever they could be served: they are answered 503 `model_pinned`, or wait.',
  ),
  priorityHeader: setting(
    boolean,
    false,
    'times',
    'Let clients say by the header `X-Vllm-Chill-Priority`, -10 to 10, what their waiting counts to the policy fair: each step doubles it, beside the priority of the model.',
  ),
  preemptAfter: optional(
    duration,
    'times',
    'How long requests in flight may hold up a switch, or the reload of a changed model, before they are cut off. A stream that is cut ends with an error.',
    { fallbackText: 'never' },
  ),
  keepWarm: setting(
    warmWindows,
    [],
    'times',
    'Windows in which a model is loaded also while nobody asks, and not idled out: `model`, `cron` (when one begins, five fields), `for` (how long it is open), and if you like `timeZone` and `backend`. Requests for other models come first. A backend may have its own.',
    { fallbackText: 'none' },
  ),
  preload: setting(
    list,
    [],
    'times',
    'Served names of models to load when the program starts, where a backend is free.',
    { fallbackText: 'none' },
  ),
  minIdleReplicas: setting(
    integer(0, 1),
    0,
    'times',
    '1: what is loaded is never scaled down for idleness, and only makes room for other models. A backend may have its own.',
  ),
  returnToDefault: setting(
    boolean,
    false,
    'times',
    'Whether `defaultModel` is loaded again when another model was idled out in its place.',
  ),
  shutdownDelay: setting(
    duration,
    ({ driver }) => (driver === 'kubernetes' ? 5000 : 0),
    'times',
    'How long requests are still admitted after SIGTERM, until the endpoints of a cluster have moved on.',
    { fallbackText: '`0`; `5s` with `driver: kubernetes`' },
  ),
  enableModelSwitch: setting(
    boolean,
    ({ driver }) => driver === 'process',
    'times',
    'Whether a backend may turn to another model. When off, it serves the one it was made for.',
    { env: ['ENABLE_MODEL_SWITCH'], fallbackText: '`true`; `false` with `driver: kubernetes`' },
  ),

  hold: setting(
    boolean,
    true,
    'requests',
    'Whether requests wait while their model loads. When off they are answered 503 `model_loading` at once, and the load still starts.',
  ),
  maxHeldPerModel: setting(
    integer(0),
    256,
    'requests',
    'Requests that wait for one model at most; one more is answered 429.',
  ),
  maxHeld: setting(integer(0), 1024, 'requests', 'Requests that wait at most, in all.'),
  maxHeldBytes: setting(
    size,
    256 * 1024 ** 2,
    'requests',
    'Memory that the bodies of waiting requests may take, in all.',
  ),
  waitDeadline: optional(
    duration,
    'requests',
    'How long a request waits at most before it is answered 503 `model_loading`.',
    { fallbackText: "the model's start timeout + `drainDeadline` + `maxWait`" },
  ),
  maxInFlight: optional(
    integer(1),
    'requests',
    'Requests that one endpoint gets at once; the rest wait here, where order and fairness are kept. A model may have its own.',
    { fallbackText: "2 × the model's `maxNumSeqs`" },
  ),
  bodyLimit: setting(
    size,
    64 * 1024 ** 2,
    'requests',
    'Largest request body; a larger one is answered 413.',
  ),
  progressComments: setting(
    boolean,
    true,
    'requests',
    'Whether waiting streams are kept alive by SSE comments that say how far the start is.',
  ),
  progressAfter: setting(
    duration,
    10_000,
    'requests',
    'After how long a waiting stream gets its first comment, and after how long, but at least 1s, each next one.',
  ),
  backendTimeout: setting(
    duration,
    0,
    'requests',
    'How long a backend may take until its response begins; 0 is for ever.',
  ),
  stalledClientTimeout: setting(
    duration,
    600_000,
    'requests',
    'After how long a client that takes nothing more of its answer is cut off, so that it keeps no GPU awake; 0 is never.',
  ),
  websocketIdleTimeout: setting(
    duration,
    600_000,
    'requests',
    'After how long without a byte a WebSocket is closed, so that it keeps no GPU awake; 0 is never.',
  ),

  apiKeys: setting(
    secrets,
    [],
    'access',
    'Keys that clients must show (`Authorization: Bearer` or `x-api-key`). Checked here and not forwarded.',
    { fallbackText: "none: the client's own is passed through" },
  ),
  apiKeysFile: optional(
    path,
    'access',
    'File with further client keys, one a line; `#` begins a comment.',
  ),
  backendApiKey: optional(
    secret,
    'access',
    'Key set on what is forwarded to backends (what vLLM was given as `--api-key`).',
  ),
  operationsToken: optional(
    secret,
    'access',
    "Token for the operators' side. Without it, what changes something is answered to loopback only.",
  ),
  corsOrigins: setting(list, [], 'access', 'Origins whose pages may call the API, or `*`.', {
    fallbackText: 'none',
  }),

  logLevel: setting(
    choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
    'watching',
    'The least that is logged.',
  ),
  logFormat: setting(
    choice('auto', 'json', 'pretty'),
    'auto',
    'watching',
    '`auto` is `pretty` on a terminal and one JSON object a line elsewhere.',
  ),
  logOutput: setting(
    boolean,
    false,
    'watching',
    'Log what models answer, up to 64 KiB of each answer. Otherwise no content appears in any log.',
    { env: ['LOG_OUTPUT'] },
  ),
  enableMetrics: setting(
    boolean,
    true,
    'watching',
    'Whether `/metrics` has the metrics of vllm-chill itself, as `/proxy/metrics` always has. When off, it passes on those of a backend that is ready.',
    { env: ['ENABLE_METRICS'] },
  ),
  inspect: setting(
    boolean,
    false,
    'watching',
    "Whether Stately's inspector can look at the running charts, at `/proxy/inspect`.",
  ),

  namespace: setting(
    namespaceName,
    'ai-apps',
    'kubernetes',
    'Namespace of the backend and its models.',
    {
      env: ['VLLM_NAMESPACE'],
    },
  ),
  deployment: setting(objectName, 'vllm', 'kubernetes', 'Name of the Deployment.', {
    env: ['VLLM_DEPLOYMENT'],
  }),
  configmap: setting(objectName, 'vllm-config', 'kubernetes', 'Name of the ConfigMap.', {
    env: ['VLLM_CONFIGMAP'],
  }),
  targetHost: setting(serviceHost, 'vllm-svc', 'kubernetes', 'Host, and name, of the Service.', {
    env: ['VLLM_TARGET'],
  }),
  targetPort: setting(integer(1, 65_535), 80, 'kubernetes', 'Port of the Service.', {
    env: ['VLLM_PORT'],
  }),
  image: setting(
    text,
    'vllm/vllm-openai:v0.32.0',
    'kubernetes',
    'Container image of vLLM; a model may have its own.',
  ),
  gpuResource: setting(
    text,
    'nvidia.com/gpu',
    'kubernetes',
    'What its devices are called in resources.',
  ),
  pod: setting(
    podMap,
    {},
    'kubernetes',
    'What else its pods look like; see below. A backend may say more.',
    {
      fallbackText: 'nothing else',
    },
  ),
  hfTokenSecret: setting(
    secretKey,
    { name: 'hf-token-secret', key: 'token' },
    'kubernetes',
    'Secret with a Hugging Face token, as `name/key`; it need not be there.',
  ),
  apiKeySecret: optional(
    secretKey,
    'kubernetes',
    'Secret with the key that vLLM asks for, as `name/key`; give the same as `backendApiKey`.',
    {
      fallbackText: 'vLLM asks for none',
    },
  ),
  endpointMode: setting(
    choice('auto', 'pod', 'service'),
    'auto',
    'kubernetes',
    'How requests get to a pod: at its address, or through the Service (from outside a cluster: through the API server). `auto` takes what can be reached.',
  ),
  unschedulableGrace: setting(
    duration,
    300_000,
    'kubernetes',
    'How long a pod that no node has room for may wait while an autoscaler adds a node; without one, it fails within 15 s.',
  ),
  leaseName: setting(
    objectName,
    'vllm-chill',
    'kubernetes',
    'Lease that says which program may change anything. Two installations in one namespace need two.',
  ),
  kubeconfig: optional(path, 'kubernetes', 'Kubeconfig file.', {
    fallbackText: "the pod's service account, `$KUBECONFIG` or `~/.kube/config`",
  }),
  context: optional(text, 'kubernetes', 'Context of the kubeconfig.', {
    fallbackText: 'its current one',
  }),
} as const

export type SettingDefinitions = typeof settingDefinitions

/** User-facing name: the key in the file. */
export type SettingKey = keyof SettingDefinitions

export const settingKeys = Object.keys(settingDefinitions) as SettingKey[]
