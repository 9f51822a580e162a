import { describe, expect, it } from 'vitest'
import { container, crashing, look, waiting } from './fixtures.ts'

describe('a container that cannot be made', () => {
  it.each([
    [
      'CreateContainerConfigError',
      'secret "hf" not found',
      'create Secret hf, or change what refers to it',
    ],
    [
      'CreateContainerConfigError',
      'configmap "vllm-config" not found',
      'create ConfigMap vllm-config, or change what refers to it',
    ],
    [
      'CreateContainerConfigError',
      "couldn't find key token in Secret ai-apps/hf",
      'add token to Secret hf, or change what refers to it',
    ],
    [
      'CreateContainerConfigError',
      "couldn't find key MODEL_NAME in ConfigMap ai-apps/vllm-config",
      'add MODEL_NAME to ConfigMap vllm-config, or change what refers to it',
    ],
    [
      'CreateContainerConfigError',
      'container has runAsNonRoot and image will run as root (pod: "vllm-1_ai-apps(u1)", container: vllm)',
      'change its manifest or its podTemplate',
    ],
  ])('because of %s says what to do: %s', (reason, message, advice) => {
    const { failure } = look([{ container: { state: waiting(reason, message) } }])
    expect(failure).toEqual({
      failure: {
        reason: 'resources',
        message: `container vllm cannot be made (${reason}): ${message}; ${advice}`,
      },
    })
  })

  it.each([
    [
      'CreateContainerConfigError',
      'failed to sync secret cache: timed out waiting for the condition',
    ],
    ['CreateContainerError', 'context deadline exceeded'],
    ['CreateContainerError', 'failed to reserve container name "x": name "x" is reserved for "1"'],
  ])('is no failure while the node has trouble: %s, %s', (reason, message) => {
    const { failure, progress } = look([{ container: { state: waiting(reason, message) } }])
    expect(failure).toBeUndefined()
    expect(progress).toContain(`${message}; the node tries again`)
  })
})

describe('a container that cannot be run', () => {
  const missing =
    'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "vlm": executable file not found in $PATH: unknown'

  it.each([
    ['at first', { state: waiting('RunContainerError', missing) }, 'RunContainerError'],
    [
      'when it has ended',
      { state: { terminated: { exitCode: 128, reason: 'StartError', message: missing } } },
      'StartError',
    ],
    [
      'again and again',
      {
        ...crashing(128),
        lastState: {
          terminated: { exitCode: 127, reason: 'ContainerCannotRun', message: missing },
        },
      },
      'ContainerCannotRun',
    ],
  ])('for want of its program says so, and has no log: %s', (_, status, reason) => {
    expect(look([{ container: status }]).failure).toEqual({
      failure: {
        reason: 'command_not_found',
        message: `container vllm cannot be run (${reason}): ${missing}; check its command and its image`,
      },
    })
  })

  it('for something else is not said to lack a program', () => {
    const message = 'error mounting "/cache": stat /cache: no such file or directory'
    const state = { terminated: { exitCode: 128, reason: 'StartError', message } }
    expect(look([{ container: { state } }]).failure?.failure.reason).toBe('exited')
  })
})

describe('a container that ends', () => {
  it('tells its exit code, its last words, and where its log is', () => {
    const terminated = { exitCode: 3, reason: 'Error', message: 'line\nValueError: no\n' }
    expect(look([{ container: { state: { terminated } } }]).failure).toEqual({
      failure: {
        reason: 'exited',
        message: 'container vllm ended with exit code 3: ValueError: no',
      },
      wantsLog: { pod: 'vllm-1', container: 'vllm', previous: false },
    })
  })

  it.each([
    [{ exitCode: 137, reason: 'Error' }, 'exit code 137 (SIGKILL)'],
    [{ exitCode: 0, reason: 'Completed' }, 'exit code 0'],
    [{ exitCode: 1, signal: 9 }, 'signal 9'],
    [{ exitCode: 255, reason: 'ContainerStatusUnknown' }, 'exit code 255 (ContainerStatusUnknown)'],
  ])('says how: %o', (terminated, how) => {
    const { failure } = look([{ container: { state: { terminated } } }])
    expect(failure?.failure.message).toBe(`container vllm ended with ${how}`)
  })

  it('and runs again: its first end counts, unless that was before this start', () => {
    const lastState = { terminated: { exitCode: 3, reason: 'Error' } }
    const again = { container: { restartCount: 1, lastState } }
    expect(look([again]).failure?.wantsLog?.previous).toBe(true)
    const restartsBefore = new Map([['u1', 1]])
    expect(look([again], { restartsBefore }).failure).toBeUndefined()
  })

  it('again and again is told of also where nothing is known of its last end', () => {
    const state = waiting('CrashLoopBackOff', 'back-off 10s restarting failed container')
    expect(look([{ container: { state } }]).failure).toEqual({
      failure: {
        reason: 'exited',
        message: 'container vllm ends again and again: back-off 10s restarting failed container',
      },
      wantsLog: { pod: 'vllm-1', container: 'vllm', previous: true },
    })
  })

  it('for want of memory says so', () => {
    const { failure } = look([{ container: crashing(137, 'OOMKilled') }])
    expect(failure?.failure).toEqual({
      reason: 'out_of_memory',
      message:
        'container vllm was killed for want of memory (OOMKilled, exit code 137): raise its memory limit, or load less',
    })
  })
})

describe('a container beside the one that serves', () => {
  const once = { restartCount: 1, lastState: { terminated: { exitCode: 1, reason: 'Error' } } }

  it.each([
    ['a sidecar', { beside: { state: { terminated: { exitCode: 1 } } } }],
    ['a sidecar that runs again', { beside: once }],
    [
      'an init container',
      { init: container({ name: 'sidecar', state: { terminated: { exitCode: 1 } } }) },
    ],
    [
      'an init container that is done',
      { init: container({ name: 'sidecar', state: { terminated: { exitCode: 0 } } }) },
    ],
  ])('may fail once: %s', (_, options) => {
    expect(look([options]).failure).toBeUndefined()
  })

  it.each([
    ['a sidecar', { beside: crashing(4) }],
    ['an init container', { init: container({ name: 'sidecar', ...crashing(4) }) }],
  ])('may not fail again and again: %s', (_, options) => {
    expect(look([options]).failure).toEqual({
      failure: { reason: 'exited', message: 'container sidecar ended with exit code 4' },
      wantsLog: { pod: 'vllm-1', container: 'sidecar', previous: true },
    })
  })

  it('is named while it runs before it, unless it is to run for ever', () => {
    const init = container({ name: 'fetch' })
    const start = { init, container: { state: waiting('PodInitializing') } }
    expect(look([start]).progress).toBe('init container fetch runs')
    expect(look([{ ...start, isSidecar: true }]).progress).toBeUndefined()
  })
})
