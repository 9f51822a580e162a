import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defaultBackendSettings,
  fairPolicy,
  type BackendDefinition,
} from '../../../machines/index.ts'
import { createAdmission, type Lease } from '../../../src/admission/index.ts'
import { ChillError } from '../../../src/errors/index.ts'
import { SimulatedCatalogue } from './simulated-catalogue.ts'
import { settled, SimulatedClock } from './simulated-clock.ts'
import { SimulatedWorld } from './simulated-world.ts'

const runs = Number(process.env['PROPERTY_RUNS'] ?? 1_000)
const names = ['a', 'b', 'c', 'd']
/** Of the policy, in one step: hundreds are usual. */
const mostAsked = 5_000
const silent = { debug() {}, info() {}, warn() {}, error() {} }

type Step =
  | { do: 'arrive'; model: number; bytes: number }
  | { do: 'leave' | 'finish' | 'fail'; which: number }
  | { do: 'start' | 'fail start' | 'stop' | 'die' | 'engine'; backend: number }
  | { do: 'pass'; ms: number }
  | { do: 'operator starts' | 'operator stops' | 'operator holds'; backend: number; model: number }
  | { do: 'change' | 'remove' | 'add'; model: number }
  | { do: 'keep warm' | 'keep nothing warm'; model: number }
  | { do: 'pin' | 'unpin'; model: number }

const index = fc.nat(7)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('arrive' as const), model: index, bytes: fc.nat(60) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('leave', 'finish', 'fail'), which: index }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('finish' as const), which: index }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('start', 'stop'), backend: index }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('fail start', 'die', 'engine'), backend: index }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 900, 5_000, 40_000, 70_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('operator starts', 'operator stops', 'operator holds'),
      backend: index,
      model: index,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('change', 'remove', 'add'), model: index }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('keep warm', 'keep nothing warm'),
      model: index,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('pin', 'unpin'), model: index }),
  },
)

interface Sent {
  readonly model: string
  readonly abort: AbortController
  readonly bytes: number
  outcome: 'waiting' | 'leased' | 'refused' | 'left' | 'done'
  ends: number
  lease?: Lease
  error?: unknown
}

/** Plays steps against the real admission and the real charts, and looks after the promises all the way. */
class Play {
  readonly clock = new SimulatedClock()
  readonly world = new SimulatedWorld()
  readonly sent: Sent[] = []
  readonly catalogue: SimulatedCatalogue
  readonly models: string[]
  readonly backends: string[]
  readonly fleet
  readonly wished = new Set<string>()
  readonly pinned = new Set<string>()
  warm: string | undefined
  readonly violations: string[] = []
  /** Why each backend began its present start. */
  readonly reasons = new Map<string, string>()
  readonly revisions = new Map<string, number>()
  #requests = 0
  /** Questions to the policy since the last step. */
  #asked = 0

  constructor(
    models: number,
    backends: number,
    pool: { gpus: number; needs: readonly number[] } | undefined,
  ) {
    const gpusOf = (at: number) => Math.min(pool?.needs[at] ?? 1, pool?.gpus ?? 1)
    this.models = names.slice(0, models)
    this.backends = Array.from({ length: backends }, (_, i) => `gpu${i}`)
    this.catalogue = new SimulatedCatalogue(this.models)
    this.world.leasesOn = (incarnation) =>
      this.sent.filter(
        (each) => each.outcome === 'leased' && each.lease?.endpoint.incarnation === incarnation,
      ).length
    this.world.revisionOf = (model) => this.catalogue.models.get(model)?.facts.revision ?? '0'
    this.world.onStart = ({ model, backend }) => {
      const asked = this.sent.some(
        (each) => each.model === model.name && each.outcome === 'waiting',
      )
      const because = this.reasons.get(backend) ?? ''
      // Each wish of an operator is good for one start.
      const wished = this.wished.delete(`${backend}/${model.name}`)
      const foretold = ['manifest changed', 'kept warm'].some((why) => because.includes(why))
      if (!asked && !wished && !foretold) {
        this.violations.push(`${backend}: ${model.name} was woken for nothing (${because})`)
      }
      if (!this.catalogue.models.has(model.name))
        this.violations.push(`${model.name} is unknown, yet started`)
    }
    this.fleet = createAdmission({
      driver: this.world,
      catalogue: this.catalogue,
      clock: this.clock,
      log: silent,
      policy: (question) => {
        // Without this, charts that turn to and fro at one moment would never come back.
        if (++this.#asked > mostAsked) throw new Error('the charts turn to and fro')
        return fairPolicy(question)
      },
      onTransition: ({ backend, from, to, because, model, target }) => {
        const makesRoom = because.startsWith('room for')
        const isWished = target === model || this.wished.has(`${backend}/${target}`)
        const isTaken = from.endsWith('.draining') && (makesRoom || (target && !isWished))
        if (to !== from && /unloading|scalingDown/.test(to) && this.pinned.has(model!) && isTaken) {
          this.violations.push(`${backend}: ${model} is pinned, and goes (${because})`)
        }
        if (to === 'creatingResources') this.reasons.set(backend, because)
        if (to === 'creatingResources' && because === 'kept warm' && model !== this.warm) {
          this.violations.push(`${backend}: ${model} was kept warm, not ${this.warm}`)
        }
      },
      settings: {
        hold: true,
        maxHeldPerModel: 6,
        maxHeld: 10,
        maxHeldBytes: 400,
        waitDeadlineMs: 400_000,
        drainDeadlineMs: 60_000,
        maxWaitMs: 60_000,
        whenPinned: 'refuse',
      },
      backends: this.backends.map((name, at): BackendDefinition => ({
        name,
        models: undefined,
        settings: defaultBackendSettings,
        ...(pool && { pool: { name: 'main', gpus: gpusOf(at) } }),
      })),
      pools: pool ? [{ name: 'main', gpus: pool.gpus, devices: devicesOf(pool.gpus) }] : [],
    })
    if (pool) this.world.gpus = pool.gpus
    this.world.gpusOf = (name) => gpusOf(this.backends.indexOf(name))
  }

  arrive(model: string, bytes: number): void {
    const request: Sent = {
      model,
      bytes,
      abort: new AbortController(),
      outcome: 'waiting',
      ends: 0,
    }
    this.sent.push(request)
    this.fleet
      .acquire(
        {
          id: `r${++this.#requests}`,
          model,
          path: '/v1/chat/completions',
          bytes,
          arrivedAt: this.clock.now(),
        },
        request.abort.signal,
      )
      .then(
        (lease) => this.#granted(request, lease),
        (error: unknown) => {
          request.ends++
          request.outcome = request.abort.signal.aborted ? 'left' : 'refused'
          request.error = error
          const expected = error instanceof ChillError || request.abort.signal.aborted
          if (!expected) this.violations.push(`a refusal without a code: ${String(error)}`)
        },
      )
  }

  #granted(request: Sent, lease: Lease): void {
    request.ends++
    request.lease = lease
    request.outcome = 'leased'
    const there = this.world.processes.get(lease.backend)
    if (there?.incarnation !== lease.endpoint.incarnation) {
      this.violations.push(
        `a lease on ${lease.endpoint.incarnation}, but ${there?.incarnation} is there`,
      )
    } else if (there.model !== request.model) {
      this.violations.push(`${request.model} was asked for, ${there.model} would answer`)
    } else if (there.state === 'loading' || there.state === 'stopping') {
      this.violations.push(`${request.model} was admitted while it was ${there.state}`)
    }
  }

  #end(request: Sent | undefined, how: 'finish' | 'fail'): void {
    if (request?.outcome !== 'leased') return
    if (how === 'fail') request.lease?.suspect()
    request.outcome = 'done'
    request.lease?.release()
    request.lease?.release()
  }

  pick<T>(list: readonly T[], at: number): T | undefined {
    return list[at % Math.max(1, list.length)]
  }

  take(step: Step): void {
    this.#asked = 0
    const waiting = this.sent.filter(({ outcome }) => outcome === 'waiting')
    const leased = this.sent.filter(({ outcome }) => outcome === 'leased')
    const backend = 'backend' in step ? this.pick(this.backends, step.backend)! : ''
    const model = 'model' in step ? this.pick(this.models, step.model)! : ''
    switch (step.do) {
      case 'arrive':
        return this.arrive(model, step.bytes)
      case 'leave':
        return this.pick(waiting, step.which)?.abort.abort(new Error('left'))
      case 'finish':
      case 'fail':
        return this.#end(this.pick(leased, step.which), step.do)
      case 'start':
        return void this.world.finishStart(backend)
      case 'fail start':
        return void this.world.failStart(backend)
      case 'stop':
        return void this.world.finishStop(backend)
      case 'die': {
        const { incarnation } = this.world.processes.get(backend) ?? {}
        this.world.die(backend)
        // The connections of a dead process break; the proxy gives their leases back.
        for (const each of leased) {
          if (each.lease?.endpoint.incarnation === incarnation) this.#end(each, 'finish')
        }
        return
      }
      case 'engine': {
        const busy = this.world.engine.has(backend)
        if (busy) this.world.engine.delete(backend)
        else this.world.engine.set(backend, { running: 1, waiting: 0 })
        return
      }
      case 'operator starts':
        if (!this.catalogue.models.has(model)) return
        this.wished.add(`${backend}/${model}`)
        return this.fleet.start({ backend, model })
      case 'operator stops':
        return this.fleet.stop({ backend })
      case 'operator holds':
        return this.fleet.stop({ backend, hold: true })
      case 'remove':
        return this.catalogue.remove(model)
      case 'add':
      case 'change': {
        const revision = (this.revisions.get(model) ?? 1) + 1
        this.revisions.set(model, revision)
        return this.catalogue.put(model, String(revision))
      }
      case 'pin':
      case 'unpin':
        if (!this.catalogue.models.has(model)) return
        if (step.do === 'pin') this.pinned.add(model)
        else this.pinned.delete(model)
        return this.fleet.pin({ model, pinned: step.do === 'pin' })
      case 'keep nothing warm':
        this.warm = undefined
        return this.fleet.keepWarm([])
      case 'keep warm': {
        this.warm = model
        const wish = { id: model, model, backend: undefined, because: 'kept warm' }
        return this.fleet.keepWarm([wish])
      }
      case 'pass':
        return
    }
  }

  check(): void {
    expect(this.#asked, 'the charts turn to and fro').toBeLessThanOrEqual(mostAsked)
    const { waiting, waitingBytes, leases } = this.fleet.counts()
    expect(waiting).toBeLessThanOrEqual(10)
    expect(waitingBytes).toBeLessThanOrEqual(400)
    expect(leases).toBe(this.sent.filter(({ outcome }) => outcome === 'leased').length)
    expect(waiting).toBe(this.sent.filter(({ outcome }) => outcome === 'waiting').length)
    for (const { name, failures, waiting, endpoints } of this.fleet.status()) {
      for (const { model, retryInMs } of failures) {
        // Whoever waits for what just failed is told at once.
        const waits = waiting.some((each) => each.model === model && retryInMs > 0)
        if (waits) this.violations.push(`${name}: somebody still waits for ${model}, which failed`)
      }
      for (const { leases, maxInFlight } of endpoints) {
        expect(leases).toBeGreaterThanOrEqual(0)
        expect(leases).toBeLessThanOrEqual(maxInFlight)
      }
    }
    for (const { incarnation } of this.world.processes.values()) {
      expect(this.world.leasesOn(incarnation)).toBeLessThanOrEqual(this.world.maxInFlight)
    }
    expect(this.world.violations).toEqual([])
    expect(this.violations).toEqual([])
  }

  async play(steps: readonly Step[]): Promise<void> {
    await settled()
    for (const step of steps) {
      this.take(step)
      if (step.do === 'pass') await this.clock.pass(step.ms)
      else await settled()
      this.check()
    }
  }

  /** From now on the world works: whatever is begun ends well, requests take a second. */
  async calm(): Promise<void> {
    this.world.engine.clear()
    for (const { name, held, model, target = model } of this.fleet.status()) {
      if (!held) continue
      // A start without a model brings back what it turns to, or what is just going down.
      if (target !== undefined) this.wished.add(`${name}/${target}`)
      this.fleet.start({ backend: name })
    }
    for (let round = 0; round < 200; round++) {
      this.#asked = 0
      if (!this.sent.some(({ outcome }) => outcome === 'waiting' || outcome === 'leased')) return
      for (const backend of this.backends) {
        while (this.world.finishStop(backend));
        this.world.finishStart(backend)
      }
      for (const each of this.sent) this.#end(each, 'finish')
      await this.clock.pass(5_000)
      this.check()
    }
  }
}

const devicesOf = (gpus: number) => Array.from({ length: gpus }, (_, at) => String(at))

const steps = fc.array(step, { maxLength: 100, size: 'max' })

const plays = fc.oneof(
  fc.tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 2 }),
    fc.constant(undefined),
    steps,
  ),
  // Several backends that share GPUs, some of which need two at once.
  fc.tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 2, max: 4 }),
    fc.record({
      gpus: fc.integer({ min: 1, max: 3 }),
      needs: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 4, maxLength: 4 }),
    }),
    steps,
  ),
)

describe('whatever happens in whatever order', () => {
  it('every request ends exactly once, on the right model, and no GPU holds two or wakes for nothing', async () => {
    await fc.assert(
      fc.asyncProperty(plays, async ([models, backends, pool, steps]) => {
        const play = new Play(models, backends, pool)
        await play.play(steps)
        await play.calm()
        for (const each of play.sent) {
          expect(['refused', 'left', 'done'], JSON.stringify(play.fleet.status())).toContain(
            each.outcome,
          )
          expect(each.ends).toBe(1)
        }
        expect(play.fleet.counts()).toEqual({ leases: 0, waiting: 0, waitingBytes: 0 })
      }),
      { numRuns: runs },
    )
  }, 600_000)
})
