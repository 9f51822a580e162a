import { readdir, readFile, readlink } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf, stream } from '../integration/serve/conversation.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { startApiFaults } from './faults/index.ts'
import { administer, installAround, serveIn } from './program.ts'
import { isReady, namespace } from './workload.ts'

const throughTheApi = ['--endpoint-mode', 'service']
const rights = ['--enable-model-switch', '--port-forward']
const pods = { labels: { app: 'vllm' } }

describe.skipIf(findBinaries() === undefined)(
  'a program that reaches pods only through the API server',
  () => {
    let cluster: Cluster
    let admin: ReturnType<typeof administer>
    const undo: (() => unknown)[] = []
    beforeAll(async () => {
      cluster = await startCluster()
      await installAround(cluster, ...rights)
      admin = administer(cluster)
    })
    afterAll(() => cluster?.stop())
    afterEach(async () => {
      for (const each of undo.splice(0)) await each()
      await admin?.clear()
    })

    const simulate = (options: Record<string, string>) =>
      undo.push(cluster.node.misbehave(pods, { kind: 'simulate', options }))

    /** Asked at its address, which this machine reaches. */
    async function metric(name: string): Promise<number> {
      const [pod] = await admin.pods()
      const response = await fetch(`http://${pod?.status?.podIP}:8000/metrics`)
      const line = new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(await response.text())
      return Number(line?.[1])
    }

    const running = () => metric('vllm:num_requests_running')

    it('answers chats and streams, at once when it is warm, by the port that it forwards', async () => {
      await admin.addModel('a')
      simulate({ itl: '20ms' })
      const program = await serveIn(cluster, throughTheApi)
      expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
      const { endpoints } = await program.backend()
      expect(endpoints.map(({ url }) => url)).toEqual([
        expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      ])
      const long = stream(program, 'a', 50)
      await long.begun
      expect(long.tokens).toBeLessThan(40)
      expect(await long.done).toMatchObject({ tokens: 50, finish: 'length' })
      const next = await ask(program, 'a')
      expect(await contentOf(next)).toBe('[a] you said: hi')
      expect(next.headers.get('x-vllm-chill-waited-ms')).toBeNull()
    })

    it('serves many at once, and prompts that are long', async () => {
      await admin.addModel('a', { maxModelLen: 1_000_000 })
      const program = await serveIn(cluster, throughTheApi)
      // More than may wait in the program for the API server.
      const messages = [{ role: 'user', content: 'word '.repeat(400_000) }]
      const answers = await Promise.all(
        Array.from({ length: 12 }, async (_, i) =>
          i % 4 === 0
            ? contentOf(await ask(program, 'a', { messages, max_tokens: 8 }))
            : stream(program, 'a', 40).done,
        ),
      )
      for (const answer of answers) {
        if (typeof answer === 'string') expect(answer).toMatch(/^\[a\] you said: word word/)
        else expect(answer).toMatchObject({ tokens: 40, finish: 'length' })
      }
    })

    it('tells the engine within a moment that nobody listens any more', async () => {
      await admin.addModel('a')
      simulate({ itl: '200ms' })
      const program = await serveIn(cluster, throughTheApi)
      const leave = new AbortController()
      const more = { stream: true, max_tokens: 1_000, ignore_eos: true }
      const answer = await ask(program, 'a', more, { signal: leave.signal })
      await answer.body!.getReader().read()
      expect(await running()).toBe(1)
      leave.abort()
      await eventually(async () => (await running()) === 0, {
        what: 'the engine has stopped',
        timeoutMs: 5_000,
      })
    })

    it('switches under load: nothing lost, nothing answered by the wrong model', async () => {
      await admin.addModel('a', { tensorParallelSize: 2 })
      await admin.addModel('b', { tensorParallelSize: 2 })
      const program = await serveIn(cluster, [...throughTheApi, '--max-wait', '200ms'])
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          const model = i % 2 === 0 ? 'a' : 'b'
          return [model, await contentOf(await ask(program, model))]
        }),
      )
      for (const [model, content] of answers) expect(content).toBe(`[${model}] you said: hi`)
    })

    it('goes to zero when nobody asks, keeps no port of what is gone, and wakes', async () => {
      await admin.addModel('a')
      const program = await serveIn(cluster, [...throughTheApi, '--idle-timeout', '2s'])
      const before = await listeners(program.pid)
      await ask(program, 'a')
      expect(await listeners(program.pid)).toBe(before + 1)
      await admin.untilPods('none is left', (all) => all.length === 0)
      await eventually(async () => (await listeners(program.pid)) === before, {
        what: 'the forwarded port is closed',
      })
      expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
    })

    it('asks nobody but the pod that has said which model it serves', async () => {
      await admin.addModel('a')
      const program = await serveIn(cluster, throughTheApi)
      await ask(program, 'a')
      const [own] = await admin.pods()
      // Behind the same Service, and serving something else.
      const { containers } = own!.spec!
      await admin.core.createNamespacedPod({
        namespace,
        body: {
          metadata: {
            name: 'decoy',
            labels: { app: 'vllm', 'app.kubernetes.io/instance': 'vllm' },
          },
          spec: {
            containers: [
              {
                name: 'vllm',
                image: containers[0]!.image,
                args: ['--model', 'org/z', '--served-model-name', 'z'],
                ports: [{ name: 'http', containerPort: 8000 }],
              },
            ],
          },
        },
      })
      undo.push(() => admin.core.deleteNamespacedPod({ namespace, name: 'decoy' }))
      await admin.untilPods('both are ready', (all) => all.filter(isReady).length === 2)
      const answers = await Promise.all(
        Array.from({ length: 30 }, async () => contentOf(await ask(program, 'a'))),
      )
      expect(new Set(answers)).toEqual(new Set(['[a] you said: hi']))
      const { endpoints } = await program.backend()
      expect(endpoints).toHaveLength(1)
    })

    it('breaks what is on its way when the way is cut, and serves the next without a new start', async () => {
      await admin.addModel('a')
      simulate({ itl: '50ms' })
      const faults = await startApiFaults(cluster.plane, cluster.plane.serviceAccount(namespace))
      undo.push(() => faults.close())
      const program = await serveIn(cluster, throughTheApi, faults.kubeconfig)
      const long = stream(program, 'a', 400)
      await long.begun
      const [before] = await admin.pods()
      faults.cut()
      await expect(long.done).rejects.toThrow()
      await eventually(async () => (await running()) === 0, { what: 'the engine has stopped' })
      expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
      const after = await admin.pods()
      expect(after.map(({ metadata }) => metadata?.uid)).toEqual([before?.metadata?.uid])
    })

    it('serves again by another port when the container of its pod was killed', async () => {
      await admin.addModel('a')
      const program = await serveIn(cluster, throughTheApi)
      const before = await listeners(program.pid)
      await ask(program, 'a')
      const [first] = (await program.backend()).endpoints
      cluster.node.kill(pods)
      await eventually(
        async () => (await contentOf(await ask(program, 'a'))) === '[a] you said: hi',
        {
          what: 'it is served again',
        },
      )
      const [second] = (await program.backend()).endpoints
      expect(second?.url).not.toBe(first?.url)
      await eventually(async () => (await listeners(program.pid)) === before + 1, {
        what: 'only that port is still forwarded',
      })
    })

    it('refuses to start without the right to, and says who gives it', async () => {
      await installAround(cluster, '--enable-model-switch')
      undo.push(() => installAround(cluster, ...rights))
      await admin.addModel('a')
      await expect(serveIn(cluster, throughTheApi)).rejects.toThrow(
        /Right to pods\/portforward: get, create not allowed in namespace ai-apps; .*manifests --port-forward/,
      )
      const program = await serveIn(cluster)
      expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
    })

    it('is refused nothing, and forwards ports of its pods alone', async () => {
      const used = (await cluster.plane.auditLog()).filter(
        ({ resource }) => resource === 'pods/portforward',
      )
      expect(used.length).toBeGreaterThan(0)
      expect(new Set(used.map(({ verb, allowed }) => `${verb} ${allowed}`))).toEqual(
        new Set(['get true']),
      )
      for (const { name } of used) expect(name).toMatch(/^vllm-/)
    })
  },
)

/** Sockets that a process listens on. */
async function listeners(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`
  const links = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(`${folder}/${fd}`).catch(() => '')),
  )
  const own = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]))
  const table = await readFile('/proc/net/tcp', 'utf8')
  const listening = '0A'
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === listening && own.has(inode)).length
}
