import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ConfigError } from '../../../../../src/config/index.ts'
import { connect, type ConnectOptions } from '../../../../../src/drivers/kubernetes/api/index.ts'

/** A folder with these files. */
function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'vllm-chill-connection-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const kubeconfig = ({ server = 'https://10.0.0.1:6443', cluster = {}, user = {}, ...more } = {}) =>
  JSON.stringify({
    clusters: [{ name: 'one', cluster: { server, ...cluster } }],
    users: [{ name: 'me', user: { token: 't', ...user } }],
    contexts: [
      { name: 'first', context: { cluster: 'one', user: 'me', namespace: 'ai' } },
      { name: 'second', context: { cluster: 'one', user: 'me' } },
    ],
    'current-context': 'first',
    ...more,
  })

/** Connects by a kubeconfig with this text. */
function connectBy(text: string, options: ConnectOptions = {}) {
  return connect({ kubeconfig: join(folderOf({ config: text }), 'config'), env: {}, ...options })
}

function problemOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('it did not fail')
}

describe('connecting', () => {
  it('takes the current context of the kubeconfig, or the one that is asked for', () => {
    const text = kubeconfig()
    expect(connectBy(text)).toMatchObject({
      server: 'https://10.0.0.1:6443',
      namespace: 'ai',
      inCluster: false,
    })
    expect(connectBy(text, { context: 'second' }).namespace).toBeUndefined()
  })

  it.each<[what: string, text: string, options: ConnectOptions, problem: RegExp]>([
    ['is no YAML', 'token: "secret\n', {}, /config is no YAML: line \d is wrong$/],
    ['is something else', 'hello', {}, /config is no kubeconfig$/],
    ['is empty', '', {}, /config is no kubeconfig$/],
    [
      'lacks the context',
      kubeconfig(),
      { context: 'third' },
      /^context: third is not in .*; it has first, second$/,
    ],
    [
      'has no current context',
      kubeconfig({ 'current-context': '' } as object),
      {},
      /has no current context; choose one with `--context`: first, second$/,
    ],
    [
      'lacks the cluster of its context',
      kubeconfig({ clusters: [] } as object),
      {},
      /first is for the cluster one, which is not in/,
    ],
    [
      'lacks the user of its context',
      kubeconfig({ users: [] } as object),
      {},
      /first is for the user me, who is not in/,
    ],
    ['has no usable server', kubeconfig({ server: '10.0.0.1' }), {}, /10\.0\.0\.1 is no URL such/],
    [
      'would tell a token to the whole network',
      kubeconfig({ server: 'http://10.0.0.1:8001' }),
      {},
      /unencrypted; use https/,
    ],
    [
      'names a certificate that is not there',
      kubeconfig({ cluster: { 'certificate-authority': 'gone.crt' } }),
      {},
      /gone\.crt, which it names, does not exist/,
    ],
    [
      'names a token file that is not there',
      kubeconfig({ user: { tokenFile: 'gone' } }),
      {},
      /gone, which it names, does not exist/,
    ],
  ])('says so when the kubeconfig %s', (_, text, options, problem) => {
    const said = problemOf(() => connectBy(text, options))
    expect(said).toMatch(problem)
    expect(said).not.toContain('secret')
  })

  it('says so when the kubeconfig is not there, or none is', () => {
    expect(problemOf(() => connect({ kubeconfig: '/gone/config', env: {} }))).toBe(
      'kubeconfig: /gone/config does not exist',
    )
    expect(problemOf(() => connect({ env: { HOME: '/gone' } }))).toContain(
      'give `--kubeconfig FILE`, set KUBECONFIG, or run inside the cluster',
    )
  })

  it('goes to a local proxy without TLS, also as nobody', () => {
    const text = kubeconfig({
      server: 'http://127.0.0.1:8001',
      contexts: [{ name: 'first', context: { cluster: 'one' } }],
    } as object)
    expect(connectBy(text).server).toBe('http://127.0.0.1:8001')
  })

  it('finds the kubeconfigs that the environment names, the first before the second', () => {
    const folder = folderOf({
      a: kubeconfig({ server: 'https://a', contexts: [] } as object),
      b: kubeconfig({ server: 'https://b', 'current-context': 'second' } as object),
    })
    const env = { KUBECONFIG: `${folder}/a:${folder}/gone:${folder}/b` }
    const { server, namespace } = connect({ env })
    expect({ server, namespace }).toEqual({ server: 'https://a', namespace: 'ai' })
  })

  it("finds the one below the user's home", () => {
    const folder = folderOf({ '.kube/config': kubeconfig() })
    expect(connect({ env: { HOME: folder } }).server).toBe('https://10.0.0.1:6443')
  })

  describe('in a pod', () => {
    const files = {
      'var/run/secrets/kubernetes.io/serviceaccount/token': 'first\n',
      'var/run/secrets/kubernetes.io/serviceaccount/namespace': 'ai-apps\n',
      'var/run/secrets/kubernetes.io/serviceaccount/ca.crt': '',
      '.kube/config': kubeconfig(),
    }
    function inPod(options: ConnectOptions = {}) {
      vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.0.0.2')
      vi.stubEnv('KUBERNETES_SERVICE_PORT', '443')
      onTestFinished(() => void vi.unstubAllEnvs())
      const folder = folderOf(files)
      const env = { KUBERNETES_SERVICE_HOST: '10.0.0.2', HOME: folder }
      return { folder, connection: connect({ env, accountRoot: folder, ...options }) }
    }

    it('is its service account', async () => {
      const { connection, folder } = inPod()
      expect(connection).toMatchObject({
        server: 'https://10.0.0.2:443',
        namespace: 'ai-apps',
        inCluster: true,
      })
      const token = async () => {
        const options: { headers?: Record<string, string> } = {}
        await connection.config.applyToHTTPSOptions(options)
        return options.headers?.['Authorization']
      }
      expect(await token()).toBe('Bearer first')
      writeFileSync(`${folder}/var/run/secrets/kubernetes.io/serviceaccount/token`, 'second')
      expect(await token()).toBe('Bearer second')
    })

    it('is somebody else where a context or a kubeconfig is named', () => {
      expect(inPod({ context: 'second' }).connection).toMatchObject({
        server: 'https://10.0.0.1:6443',
        inCluster: false,
      })
      const { folder } = inPod()
      const kubeconfig = join(folder, '.kube/config')
      expect(inPod({ kubeconfig }).connection.inCluster).toBe(false)
    })
  })
})
