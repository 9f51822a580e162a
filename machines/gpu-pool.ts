import {
  assign,
  cancel,
  enqueueActions,
  fromCallback,
  raise,
  setup,
  type ActorRefFrom,
} from 'xstate'
import type { backendMachine } from './backend.ts'
import { shareGpus, type Claim, type Holder, type Share } from './gpu-share.ts'
import { poolMember, type PoolMember } from './pool-member.ts'
import type { RoomWanted } from './types.ts'

type Backends = Readonly<Record<string, ActorRefFrom<typeof backendMachine>>>

/** How long a start that was short of GPUs may take to find those that have just become free, ms. */
const findingMs = 15_000

/** GPUs that several backends share. */
export interface PoolDefinition {
  readonly name: string
  /** Infinity: nobody but the cluster knows. */
  readonly gpus: number
  /** As CUDA_VISIBLE_DEVICES names them; empty where others choose the devices. */
  readonly devices: readonly string[]
}

export interface PoolInput {
  readonly pool: PoolDefinition
  readonly backends: Backends
  /** Clock of the actor system, ms, monotonic. */
  readonly now: () => number
}

interface Granted {
  readonly number: number
  readonly devices: readonly string[]
}

export interface PoolContext extends PoolInput {
  /** As each backend was seen last. */
  readonly members: Readonly<Record<string, PoolMember>>
  /** What was granted and has not been seen to be given back. */
  readonly granted: Readonly<Record<string, Granted>>
  readonly lastGrant: number
  readonly share: Share
  /** What each holder was told last of who needs its GPUs. */
  readonly told: Readonly<Record<string, RoomWanted>>
  readonly freedAt: number
}

export type PoolEvent = { type: 'backend seen'; member: PoolMember } | { type: 'reconsider' }

/** Nobody needs GPUs, or whoever does has been given them. */
const nothing: Share = { grants: [], room: {}, blocked: [] }

/**
 * A pool of GPUs as one transaction: whoever needs some waits, holding nothing; the pool chooses who
 * makes room, and gives all that is needed at once when it is free. It counts GPUs as held from the
 * grant until the backend is cold again, which it is only when its driver says that everything is gone.
 */
export const poolMachine = setup({
  types: {
    context: {} as PoolContext,
    input: {} as PoolInput,
    events: {} as PoolEvent,
  },
  actors: {
    'follow the backends': fromCallback<PoolEvent, { backends: Backends }>(
      ({ input, sendBack }) => {
        const following = Object.values(input.backends).map((actor) => {
          let last = ''
          const look = (snapshot: ReturnType<typeof actor.getSnapshot>) => {
            const member = poolMember(snapshot)
            const seen = JSON.stringify(member)
            if (seen === last) return
            last = seen
            sendBack({ type: 'backend seen', member })
          }
          look(actor.getSnapshot())
          // Its error ends the fleet, which says so.
          return actor.subscribe({ next: look, error: () => {} })
        })
        return () => {
          for (const each of following) each.unsubscribe()
        }
      },
    ),
  },
  guards: {
    'nobody waits for GPUs': ({ context }) => unmet(context).length === 0,
    'what it needs is pinned': ({ context }) =>
      unmet(context).length > 0 &&
      unmet(context).every(({ backend }) => context.share.blocked.includes(backend)),
    'somebody is to make room': ({ context }) =>
      unmet(context).some(({ backend }) => !context.share.blocked.includes(backend)),
  },
  actions: {
    'note what is seen': assign(({ context }, { member }: { member: PoolMember }) => {
      const { members, granted, now } = context
      const { [member.backend]: grant, ...others } = granted
      const isBack = grant !== undefined && member.lastGrant >= grant.number && !member.keepsGrant
      const wasPresent = members[member.backend]?.isPresent ?? false
      return {
        members: { ...members, [member.backend]: member },
        granted: isBack ? others : granted,
        freedAt: wasPresent && !member.isPresent ? now() : context.freedAt,
      }
    }),
    'share anew': assign(({ context }) => ({
      share: shareGpus({
        now: context.now(),
        gpus: context.pool.gpus,
        holders: holdersOf(context),
        claims: claimsOf(context),
        asked: Object.keys(context.told),
        freshUntil: context.freedAt + findingMs,
      }),
    })),
    'grant what is free': enqueueActions(({ context, enqueue }) => {
      const granted = { ...context.granted }
      let { lastGrant } = context
      for (const backend of context.share.grants) {
        const taken = new Set(Object.values(granted).flatMap(({ devices }) => devices))
        const free = context.pool.devices.filter((device) => !taken.has(device))
        const devices = free.slice(0, context.members[backend]!.gpus)
        const grant = { number: ++lastGrant, devices }
        granted[backend] = grant
        enqueue.sendTo(context.backends[backend]!, { type: 'GPUs granted', grant })
      }
      enqueue.assign({ granted, lastGrant })
    }),
    'ask for room': enqueueActions(({ context, enqueue }) => {
      const { members, told, share } = context
      const wanted: Record<string, RoomWanted> = {}
      for (const [holder, claimant] of Object.entries(share.room)) {
        const room = members[claimant]!.room
        wanted[holder] = room
        if (JSON.stringify(room) === JSON.stringify(told[holder])) continue
        enqueue.sendTo(context.backends[holder]!, { type: 'room wanted', room })
      }
      for (const holder of Object.keys(told)) {
        if (wanted[holder]) continue
        enqueue.sendTo(context.backends[holder]!, { type: 'room wanted', room: undefined })
      }
      enqueue.assign({ told: wanted })
    }),
    'end as a defect': (_, { error }: { error: unknown }) => {
      throw error
    },
    'set the alarm': enqueueActions(({ context, enqueue }) => {
      enqueue(cancel('reconsider'))
      const { reconsiderAt } = context.share
      if (reconsiderAt === undefined) return
      const delay = Math.max(1, Math.ceil(reconsiderAt - context.now()))
      enqueue(raise({ type: 'reconsider' }, { id: 'reconsider', delay }))
    }),
  },
}).createMachine({
  id: 'pool',
  context: ({ input }) => ({
    ...input,
    members: {},
    granted: {},
    lastGrant: 0,
    share: nothing,
    told: {},
    freedAt: Number.NEGATIVE_INFINITY,
  }),
  initial: 'atRest',
  invoke: {
    src: 'follow the backends',
    input: ({ context }) => ({ backends: context.backends }),
    // Nothing of a driver is in it: a defect, which ends the fleet and is told there.
    onError: { actions: { type: 'end as a defect', params: ({ event }) => event } },
  },
  on: {
    'backend seen': {
      actions: [
        { type: 'note what is seen', params: ({ event }) => event },
        'share anew',
        'grant what is free',
        'ask for room',
        'set the alarm',
      ],
    },
    reconsider: {
      actions: ['share anew', 'grant what is free', 'ask for room', 'set the alarm'],
    },
  },
  states: {
    atRest: {
      always: [
        { guard: 'what it needs is pinned', target: 'blocked' },
        { guard: 'somebody is to make room', target: 'makingRoom' },
      ],
    },
    makingRoom: {
      always: [
        { guard: 'nobody waits for GPUs', target: 'atRest' },
        { guard: 'what it needs is pinned', target: 'blocked' },
      ],
    },
    blocked: {
      always: [
        { guard: 'nobody waits for GPUs', target: 'atRest' },
        { guard: 'somebody is to make room', target: 'makingRoom' },
      ],
    },
  },
})

/** Who holds GPUs of the pool, by what is seen and what is granted: whichever says so. */
export function holdersOf({ members, granted }: PoolContext): Holder[] {
  const all = Object.values(members)
  return all
    .filter(({ backend, isPresent }) => isPresent || granted[backend] !== undefined)
    .map((member): Holder => ({
      backend: member.backend,
      gpus: member.gpus,
      stage: member.stage,
      leases: member.leases,
      waiting: member.waiting,
      pinned: member.pinned,
      usedAt: member.usedAt,
      loadMs: member.loadMs,
      spare: all.some(
        (each) =>
          each.backend !== member.backend &&
          each.stage === 'ready' &&
          each.model !== undefined &&
          each.model === member.model,
      ),
    }))
}

/** Who waits for GPUs of the pool. */
export function claimsOf({ members, granted }: PoolContext): Claim[] {
  return Object.values(members).flatMap(({ backend, gpus, claim }) =>
    claim && (claim.kind === 'short' || granted[backend] === undefined)
      ? [{ backend, gpus, ...claim }]
      : [],
  )
}

function unmet(context: PoolContext): Claim[] {
  return claimsOf(context).filter(({ kind }) => kind !== 'spare')
}
