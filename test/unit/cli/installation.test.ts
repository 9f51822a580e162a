import { parseAllDocuments } from 'yaml'
import { describe, expect, it } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './terminals.ts'

async function run(words: string, env: Record<string, string> = {}) {
  const terminal = fakeTerminal(env)
  const code = await main(['node', 'vllm-chill', ...words.split(' ')], terminal)
  return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
}

const kindsIn = (printed: string) =>
  parseAllDocuments(printed).map((document) => document.get('kind'))

describe('manifests', () => {
  it('prints YAML and nothing else', async () => {
    const { code, printed, said } = await run('manifests --namespace models')
    expect(code).toBe(0)
    expect(said).toBe('')
    expect(kindsIn(printed)).toContain('Deployment')
    expect(printed).toContain('namespace: models')
  })

  it('takes flags of the settings beside its own, and turns parts off', async () => {
    const { printed } = await run('manifests --idle-timeout 9m --no-crd --no-create-namespace')
    expect(kindsIn(printed)).not.toContain('Namespace')
    expect(kindsIn(printed)).not.toContain('CustomResourceDefinition')
    expect(printed).toContain('idleTimeout: 9m')
  })

  it.each([
    ['--replicas 0', '--replicas: 0 is not understood'],
    ['--replicas many', '--replicas: many is not understood'],
    [
      '--api-keys-secret Keys',
      '--api-keys-secret: Keys is not understood; expected NAME or NAME/KEY',
    ],
    ['--api-keys-secret a/b/c', '--api-keys-secret: a/b/c is not understood'],
    ['--ingress-class nginx', '--ingress-host: is missing'],
    ['--ingress-host http://x', '--ingress-host: http://x is no name'],
    ['--program-pull-secret A_B', '--program-pull-secret: A_B is no name'],
    ['--kube-version 2', '--kube-version: 2 is not understood'],
    ['--network-polcy', '--network-polcy: unknown flag'],
    ['--api-keys sk-123456', 'apiKeys: put the keys into a Secret'],
  ])('does not understand %s', async (words, problem) => {
    const { code, printed, said } = await run(`manifests ${words}`)
    expect(code).toBe(2)
    expect(printed).toBe('')
    expect(said).toContain(problem)
    expect(said).not.toContain('sk-123456')
  })

  it('shows its own flags and those of the settings in groups', async () => {
    const lines: string[] = []
    const { info } = console
    console.info = (text: string) => void lines.push(text)
    try {
      expect((await run('manifests --help')).code).toBe(0)
    } finally {
      console.info = info
    }
    const help = lines.join('\n')
    for (const flag of ['--network-policy', '--no-crd', '--idle-timeout', 'Kubernetes:'])
      expect(help).toContain(flag)
  })
})

describe.each(['install', 'uninstall', 'doctor'])('%s', (command) => {
  it('says in words that no kubeconfig is there', async () => {
    const { code, said } = await run(`${command} --kubeconfig /nowhere/kubeconfig`)
    expect(code).toBe(2)
    expect(said).toMatch(/kubeconfig: .*\/nowhere\/kubeconfig/)
  })

  it('knows its flags', async () => {
    const { code, said } = await run(`${command} --kubeconfig /nowhere --jsn`)
    expect(code).toBe(2)
    expect(said).toContain('--jsn')
  })
})

describe.each(['install', 'uninstall'])('%s', (command) => {
  it('understands how long it may take', async () => {
    const { code, said } = await run(`${command} --timeout soon --kubeconfig /nowhere`)
    expect(code).toBe(2)
    expect(said).toContain('--timeout: soon is no duration')
  })
})
