/** `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const s = Math.max(0, ms) / 1_000
  if (s < 10) return `${s.toFixed(1)} s`
  if (s < 60) return `${Math.floor(s)} s`
  const parts: [number, string][] =
    s < 3_600
      ? [
          [Math.floor(s / 60), 'min'],
          [Math.floor(s % 60), 's'],
        ]
      : s < 86_400
        ? [
            [Math.floor(s / 3_600), 'h'],
            [Math.floor((s % 3_600) / 60), 'min'],
          ]
        : [
            [Math.floor(s / 86_400), 'd'],
            [Math.floor((s % 86_400) / 3_600), 'h'],
          ]
  return parts
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** Whole seconds where it counts up before one's eyes. */
export function elapsed(ms: number): string {
  return ms < 60_000 ? `${Math.floor(Math.max(0, ms) / 1_000)} s` : duration(ms)
}

/** `3.4 min` of the first minutes, then hours as they are paid for. */
export function gpuTime(seconds: number): string {
  const hours = seconds / 3_600
  if (hours < 0.2) return `${(seconds / 60).toFixed(1)} min`
  return `${hours.toFixed(hours < 10 ? 2 : hours < 100 ? 1 : 0)} h`
}

export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`
  if (count < 1_024 ** 2) return `${(count / 1_024).toFixed(1)} KiB`
  return `${(count / 1_024 ** 2).toFixed(1)} MiB`
}

export function timeOfDay(at: string | number): string {
  return new Date(at).toLocaleTimeString([], { hour12: false })
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** How a state is coloured; never by its colour alone. */
export type Tone = 'cold' | 'warming' | 'ready' | 'quiet' | 'turning' | 'leaving' | 'trouble'

interface StateWords {
  readonly words: string
  readonly tone: Tone
}

const states: Readonly<Record<string, StateWords>> = {
  observing: { words: 'Looking at what is there', tone: 'quiet' },
  cold: { words: 'Cold, the GPU is free', tone: 'cold' },
  creatingResources: { words: 'Preparing', tone: 'warming' },
  scalingUp: { words: 'Loading', tone: 'warming' },
  'ready.serving': { words: 'Serving', tone: 'ready' },
  'ready.quiet': { words: 'Ready, nobody asks', tone: 'quiet' },
  'switchingModel.draining': { words: 'Switching: finishes requests', tone: 'turning' },
  'switchingModel.unloading': { words: 'Switching: unloads', tone: 'turning' },
  'switchingModel.unloadingFailed': { words: 'Switching: will not unload', tone: 'trouble' },
  'idle.rechecking': { words: 'Going to rest: looks once more', tone: 'leaving' },
  'idle.draining': { words: 'Going to rest: finishes requests', tone: 'leaving' },
  'idle.scalingDown': { words: 'Going to rest: unloads', tone: 'leaving' },
  'idle.scalingDownFailed': { words: 'Will not unload', tone: 'trouble' },
}

const tones: Readonly<Record<string, Tone>> = {
  cold: 'cold',
  creatingResources: 'warming',
  scalingUp: 'warming',
  ready: 'ready',
  switchingModel: 'turning',
  idle: 'leaving',
}

/** Also for a state that this page does not know yet. */
export function stateWords(state: string): StateWords {
  const known = states[state]
  if (known) return known
  const [outer = '', ...inner] = state.split('.')
  const words = [outer, ...inner]
    .join(': ')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  return { words: words.charAt(0).toUpperCase() + words.slice(1), tone: tones[outer] ?? 'quiet' }
}

/** Whether it has a model that serves, or is on the way there or away. */
export function isUp(state: string): boolean {
  return state !== 'cold' && state !== 'observing'
}

export function isReady(state: string): boolean {
  return state.startsWith('ready')
}

const advices: Readonly<Record<string, string>> = {
  command_not_found:
    'The command is not on this machine. Install vLLM, or set “command” to where it is, then try again.',
  exited:
    'vLLM ended by itself. The last lines of its log say why: mostly a field of the manifest. A changed manifest is tried at the next request.',
  out_of_memory:
    'It needs more GPU memory than there is. Lower gpuMemoryUtilization or maxModelLen, use more GPUs, or see with nvidia-smi who else is on this one.',
  wrong_model:
    'Something else answers where this model should: another process has the port, or servedModelName is overridden in extraArgs.',
  deadline:
    'It did not get ready in time. If it is merely slow, raise startTimeout; otherwise the last phase says where it hangs.',
  resources:
    'What belongs to it in the cluster could not be made. Run “vllm-chill doctor”: it names what is missing or not allowed.',
  image_pull:
    'The node cannot pull the image. Check its name and tag, and the pull secret of the namespace.',
  unschedulable:
    'No node has room for it. Free a GPU, add a node, or mend nodeSelector and tolerations.',
}

export function adviceFor(reason: string): string {
  return (
    advices[reason] ??
    'The message and the log below are all that is known. Mend the cause, then try again.'
  )
}
