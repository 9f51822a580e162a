import type { Who } from './contestants/index.ts'

/** How much is measured, and of whom; times in seconds. */
export interface Plan {
  readonly name: 'full' | 'quick'
  /** What must hold is multiplied by this: a short run on a busy machine fails only on gross loss. */
  readonly leniency: number
  readonly json: {
    readonly of: readonly Who[]
    readonly connections: readonly number[]
    readonly rounds: number
    readonly seconds: number
  }
  readonly streams: {
    readonly of: readonly Who[]
    readonly counts: readonly number[]
    readonly rounds: number
    readonly seconds: number
  }
  readonly bodies: {
    readonly of: readonly Who[]
    readonly sizes: readonly number[]
    readonly rounds: number
  }
  readonly aborts: { readonly of: readonly Who[]; readonly count: number }
  readonly held: number
  readonly switches: number
}

const kilobyte = 1_000

export const full: Plan = {
  name: 'full',
  leniency: 1,
  json: {
    of: ['direct', 'nginx', 'haproxy', 'goDefault', 'goTuned', 'bare', 'chill', 'quiet', 'watched'],
    connections: [1, 32, 256],
    rounds: 5,
    seconds: 1,
  },
  streams: {
    of: ['direct', 'nginx', 'haproxy', 'goTuned', 'bare', 'chill'],
    counts: [200, 1000],
    rounds: 5,
    seconds: 2,
  },
  bodies: {
    of: ['direct', 'nginx', 'goTuned', 'parse', 'chill'],
    sizes: [kilobyte, 100 * kilobyte, 10_000 * kilobyte],
    rounds: 5,
  },
  aborts: { of: ['nginx', 'haproxy', 'goTuned', 'bare', 'chill'], count: 100 },
  held: 10_000,
  switches: 6,
}

export const quick: Plan = {
  name: 'quick',
  leniency: 2,
  json: {
    of: ['direct', 'nginx', 'goDefault', 'goTuned', 'bare', 'chill', 'watched'],
    connections: [1, 32],
    rounds: 3,
    seconds: 1,
  },
  streams: { of: ['direct', 'nginx', 'goTuned', 'chill'], counts: [200], rounds: 1, seconds: 2 },
  bodies: { of: ['direct', 'parse', 'chill'], sizes: [10_000 * kilobyte], rounds: 1 },
  aborts: { of: ['chill'], count: 30 },
  held: 10_000,
  switches: 2,
}
