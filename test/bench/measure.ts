import type { Contestant, Field, Ground, Who } from './contestants/index.ts'
import { measureAborts } from './measures/aborts.ts'
import { measureBodies } from './measures/bodies.ts'
import { measureHeld } from './measures/held.ts'
import { measureJson } from './measures/json.ts'
import { measureStreams } from './measures/streams.ts'
import { measureWaking } from './measures/waking.ts'
import type { Plan } from './plan.ts'
import type { Position, Results } from './results.ts'
import { interleave } from './rounds.ts'

/** Node needs some ten thousand requests until it has compiled what it runs. */
const warmUpSeconds = 3

/** Measures all that the plan asks for, one thing after the other. */
export async function measure(
  plan: Plan,
  field: Field,
  ground: Ground,
  say: (line: string) => void,
): Promise<Results> {
  const { tools } = ground
  const those = (names: readonly Who[]): Contestant[] => names.map((who) => field[who])

  say('warming up')
  for (const contestant of those(plan.json.of))
    await measureJson(tools, contestant, 32, warmUpSeconds)

  const json = new Map<number, Results['json'] extends ReadonlyMap<number, infer T> ? T : never>()
  for (const connections of plan.json.connections) {
    say(`small requests, ${connections} connection(s)`)
    const { rounds, seconds } = plan.json
    const once = (contestant: Contestant) => measureJson(tools, contestant, connections, seconds)
    json.set(connections, await interleave(those(plan.json.of), rounds, once))
  }

  const streams = new Map<
    number,
    Results['streams'] extends ReadonlyMap<number, infer T> ? T : never
  >()
  for (const count of plan.streams.counts) {
    say(`${count} streams`)
    const { rounds, seconds } = plan.streams
    const once = (contestant: Contestant) => measureStreams(tools, contestant, count, seconds)
    streams.set(count, await interleave(those(plan.streams.of), rounds, once))
  }

  const bodies: Results['bodies'][number][] = []
  for (const size of plan.bodies.sizes) {
    for (const position of ['first', 'last'] as const satisfies Position[]) {
      say(`bodies of ${size} bytes, model ${position}`)
      const once = (contestant: Contestant) => measureBodies(tools, contestant, size, position)
      const rounds = await interleave(those(plan.bodies.of), plan.bodies.rounds, once)
      bodies.push({ size, position, rounds })
    }
  }

  say('clients that leave')
  const aborts = new Map<string, Awaited<ReturnType<typeof measureAborts>>>()
  for (const contestant of those(plan.aborts.of))
    aborts.set(contestant.name, await measureAborts(tools, contestant, plan.aborts.count))

  say(`${plan.held} requests that wait`)
  const held = await measureHeld(ground, plan.held)
  say('waking and switching')
  const waking = await measureWaking(ground, plan.switches)
  return { json, streams, bodies, aborts, held, waking }
}
