import type { AnyStateMachine } from 'xstate'
import { backendMachine, fleetMachine, poolMachine } from '../../machines/index.ts'

interface NamedChart {
  readonly machine: AnyStateMachine
  /** The usual way through it, from state to state: what a reader should see first. */
  readonly main: readonly (readonly [from: string, to: string])[]
}

export const charts = {
  backend: {
    machine: backendMachine,
    main: [
      ['cold', 'creatingResources'],
      ['creatingResources', 'scalingUp'],
      ['scalingUp', 'ready'],
      ['ready.serving', 'ready.quiet'],
      ['ready.quiet', 'ready.serving'],
      ['ready.quiet', 'idle.rechecking'],
      ['idle.rechecking', 'idle.scalingDown'],
      ['idle.scalingDown', 'cold'],
      ['ready', 'switchingModel'],
      ['switchingModel.draining', 'switchingModel.unloading'],
      ['switchingModel.unloading', 'creatingResources'],
    ],
  },
  fleet: {
    machine: fleetMachine,
    main: [
      ['observing', 'supervising'],
      ['supervising', 'stopping'],
    ],
  },
  pool: {
    machine: poolMachine,
    main: [
      ['atRest', 'makingRoom'],
      ['makingRoom', 'atRest'],
    ],
  },
} as const satisfies Record<string, NamedChart>

export type ChartName = keyof typeof charts

export const chartNames = Object.keys(charts) as readonly ChartName[]
