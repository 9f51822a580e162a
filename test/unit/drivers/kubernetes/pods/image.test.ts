import { describe, expect, it } from 'vitest'
import { look, waiting } from './fixtures.ts'

const of = (reason: string, message: string) =>
  look([{ container: { image: 'ghcr.io/org/vllm:v9', state: waiting(reason, message) } }])

/** In the words of containerd and of kubelets of several versions. */
describe('an image', () => {
  it.each([
    [
      'ErrImagePull',
      'rpc error: code = NotFound desc = failed to pull and unpack image "ghcr.io/org/vllm:v9": failed to resolve reference "ghcr.io/org/vllm:v9": ghcr.io/org/vllm:v9: not found',
      'check its name and tag',
    ],
    ['ErrImagePull', 'manifest unknown: manifest unknown', 'check its name and tag'],
    [
      'ErrImagePull',
      'failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized',
      'check its name, or give imagePullSecrets',
    ],
    [
      'ErrImagePull',
      'pull access denied for org/vllm, repository does not exist or may require "docker login"',
      'check its name, or give imagePullSecrets',
    ],
    [
      'ErrImagePull',
      'no match for platform in manifest: not found',
      'it is not made for the machine of this node',
    ],
    [
      'ErrImagePull',
      'no matching manifest for linux/arm64/v8 in the manifest list entries',
      'it is not made for the machine of this node',
    ],
    [
      'InvalidImageName',
      'couldn\'t parse image name "A b": invalid reference format',
      'check its name and tag',
    ],
    [
      'ErrImageNeverPull',
      'Container image "ghcr.io/org/vllm:v9" is not present with pull policy of Never',
      'imagePullPolicy is Never, so that it must be on the node before',
    ],
    [
      'ImagePullBackOff',
      'Back-off pulling image "ghcr.io/org/vllm:v9"',
      'check its name, and whether it needs imagePullSecrets',
    ],
    [
      'ImagePullBackOff',
      'Back-off pulling image "ghcr.io/org/vllm:v9": ErrImagePull: unexpected status: 403 Forbidden',
      'check its name, or give imagePullSecrets',
    ],
  ])('fails at once: %s, %s', (reason, message, advice) => {
    const { failure, progress } = of(reason, message)
    expect(failure).toEqual({
      failure: {
        reason: 'image_pull',
        message: `cannot pull image ghcr.io/org/vllm:v9 of container vllm (${reason}): ${message}; ${advice}`,
      },
    })
    expect(progress).toBeUndefined()
  })

  it.each([
    ['ErrImagePull', 'dial tcp: lookup ghcr.io: i/o timeout'],
    ['ErrImagePull', 'toomanyrequests: Too Many Requests'],
    ['RegistryUnavailable', 'image pull failed: the registry is unavailable'],
  ])('is tried again where that may help: %s, %s', (reason, message) => {
    const { failure, progress } = of(reason, message)
    expect(failure).toBeUndefined()
    expect(progress).toContain(`${message}; the node tries again`)
  })

  it('may be that of an init container', () => {
    const init = { name: 'fetch', image: 'x', imageID: '', ready: false, restartCount: 0 }
    const { failure } = look([{ init: { ...init, state: waiting('ImagePullBackOff') } }])
    expect(failure?.failure.message).toContain('image x of container fetch')
  })
})
