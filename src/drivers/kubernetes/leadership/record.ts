import { V1MicroTime, type V1Lease } from '@kubernetes/client-node'
import { z } from 'zod'

const prefix = 'vllm-chill.efortin.github.io/'
const progressKey = `${prefix}progress`
const followersKey = `${prefix}followers`

const backendProgress = z.discriminatedUnion('doing', [
  z.object({
    doing: z.literal('starting'),
    model: z.string(),
    revision: z.string(),
    /** ISO 8601; wall clock of the program that began it. */
    since: z.string(),
  }),
  z.object({ doing: z.literal('leaving'), since: z.string() }),
])

/** What the leader is doing to a backend: for its followers, and for whoever leads after it. */
export type Progress = z.infer<typeof backendProgress>

const progressRecord = z.object({
  /** Grows with each change, so that a follower can say what it has seen. */
  version: z.int(),
  backends: z.record(z.string(), backendProgress),
})

export type ProgressRecord = z.infer<typeof progressRecord>

const followersRecord = z.record(z.string(), z.object({ seen: z.int(), at: z.string() }))

export type FollowersRecord = z.infer<typeof followersRecord>

/** A Lease as it is used here: besides who leads, it carries what is in progress. */
export interface LeaseRecord {
  readonly holder: string
  readonly renewTime: string
  readonly durationMs: number
  readonly transitions: number
  readonly progress: ProgressRecord
  readonly followers: FollowersRecord
}

export const nothingInProgress: ProgressRecord = { version: 0, backends: {} }

export function readLease({ metadata, spec }: V1Lease): LeaseRecord {
  const annotations = metadata?.annotations ?? {}
  return {
    holder: spec?.holderIdentity ?? '',
    renewTime: String(spec?.renewTime ?? ''),
    durationMs: (spec?.leaseDurationSeconds ?? 0) * 1_000,
    transitions: spec?.leaseTransitions ?? 0,
    progress: parse(progressRecord, annotations[progressKey]) ?? nothingInProgress,
    followers: parse(followersRecord, annotations[followersKey]) ?? {},
  }
}

/** Somebody may have edited it by hand: what cannot be read counts as not there. */
function parse<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** The object to send; what others wrote into its metadata stays. */
export function writeLease(
  { name, namespace }: { name: string; namespace: string },
  live: V1Lease | undefined,
  record: Omit<LeaseRecord, 'renewTime'> & { readonly renew: boolean },
): V1Lease {
  const { holder, durationMs, transitions, progress, followers, renew } = record
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: Object.assign({}, live?.metadata, {
      name,
      namespace,
      annotations: {
        ...live?.metadata?.annotations,
        [progressKey]: JSON.stringify(progress),
        [followersKey]: JSON.stringify(followers),
      },
    }),
    spec: Object.assign({}, live?.spec, {
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.round(durationMs / 1_000)),
      leaseTransitions: transitions,
      ...(renew && { renewTime: new V1MicroTime(Date.now()) }),
    }),
  }
}
