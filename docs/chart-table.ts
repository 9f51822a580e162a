/**
 * What a backend does about each event in each state: the specification, written by hand. A test plays
 * every row against the chart, and `docs/charts.ts` renders them into docs/architecture.md.
 *
 * "Its model" is the one that is loaded, loading or leaving; "the target" is where a switch leads.
 */
export const leaves = [
  'cold',
  'creatingResources',
  'scalingUp',
  'ready.serving',
  'ready.quiet',
  'switchingModel.draining',
  'switchingModel.unloading',
  'switchingModel.unloadingFailed',
  'idle.rechecking',
  'idle.draining',
  'idle.scalingDown',
  'idle.scalingDownFailed',
] as const

export type Leaf = (typeof leaves)[number]

const starting = ['creatingResources', 'scalingUp'] as const
const ready = ['ready.serving', 'ready.quiet'] as const
const unloading = ['switchingModel.unloading', 'switchingModel.unloadingFailed'] as const
const switching = ['switchingModel.draining', ...unloading] as const
const scalingDown = ['idle.scalingDown', 'idle.scalingDownFailed'] as const
const idle = ['idle.rechecking', 'idle.draining', ...scalingDown] as const
const up = [...starting, ...ready, ...switching, ...idle] as const

/** Everything that can happen, with the states in which it can. */
export const happenings = {
  'somebody waits for its model': up,
  'somebody waits for another model': leaves,
  'nobody waits any more': leaves,
  'a lease goes out': ready,
  'the last lease comes back': [...ready, 'switchingModel.draining', 'idle.draining'],

  'its manifest changes': up,
  'only its idle timeout changes': up,
  'its model is removed': up,
  'the target is removed': switching,
  'another model changes': leaves,

  'its model is to be kept warm': up,
  'another model is to be kept warm': leaves,
  'nothing is to be kept warm any more': leaves,

  'an operator starts it, naming no model': leaves,
  'an operator starts its model': up,
  'an operator starts another model': leaves,
  'an operator stops it': leaves,
  'an operator stops and holds it': leaves,

  'its replica is lost': leaves,
  'its replica is lost, the platform brings another': leaves,
  'a start phase is reached': leaves,

  'its model is pinned': up,
  'nothing is pinned any more': leaves,

  'another program leads': leaves,
  'this program leads': leaves,
  'others bring up a ready one': leaves,
  'others take it down': leaves,
  'the driver refuses another model': leaves,
  'the driver refuses the target': switching,

  'the alarm of the policy rings': leaves,

  'its pool gives it GPUs': leaves,
  'another backend needs its GPUs': leaves,
  'another backend needs its GPUs no more': leaves,
  'a second copy of another model is wanted': leaves,

  'the program starts': ['cold'],
  'the resources are there': ['creatingResources'],
  'the resources fail': ['creatingResources'],
  'the resources deadline passes': ['creatingResources'],
  'its replicas are ready': ['scalingUp'],
  'its replicas cannot start': ['scalingUp'],
  'the start deadline passes': ['scalingUp'],
  'the gate cannot be opened': ['scalingUp'],
  'its replicas cannot be watched': ['scalingUp'],
  'the idle timeout passes': ['ready.quiet'],
  'the leases are drained': ['switchingModel.draining', 'idle.draining'],
  'the drain fails': ['switchingModel.draining', 'idle.draining'],
  'the drain deadline passes': ['switchingModel.draining', 'idle.draining'],
  'the replicas are gone': ['switchingModel.unloading', 'idle.scalingDown'],
  'the unload fails': ['switchingModel.unloading', 'idle.scalingDown'],
  'the unload deadline passes': ['switchingModel.unloading', 'idle.scalingDown'],
  'a second after a failed unload': ['switchingModel.unloadingFailed', 'idle.scalingDownFailed'],
  'the engine is quiet': ['idle.rechecking'],
  'the engine is at work': ['idle.rechecking'],
  'the engine does not say': ['idle.rechecking'],
  'asking the engine fails': ['idle.rechecking'],
  'the recheck deadline passes': ['idle.rechecking'],
} as const satisfies Record<string, readonly Leaf[]>

export type Happening = keyof typeof happenings

/** What is so before it happens, where that decides. Written after "and …". */
export const givens = [
  'it is held',
  'that model is in its backoff',
  'somebody waits for its model',
  'nobody waits any more',
  'the switch is a reload',
  'the target is not wanted any more',
  'an operator wants another model',
  'its model was removed',
  'it never idles',
  'its model is kept warm',
  'another model is kept warm',
  'another model is kept warm, and in its backoff',
  'another model is kept warm, and this one never idles',
  'its model is pinned',
  'its model is pinned, and somebody waits for another model',
  'cutting is allowed',
  'another model has waited maxWait',
  'another model has waited maxWait, but what was queued at the start is still owed',
  'a ready one of a known model is there',
  'a ready one of an older manifest is there',
  'one that starts a known model is there',
  'one of an unknown model is there',
  'something that is leaving is there',
  'another program leads',
  'another program leads, and somebody waits for a model',
  'its GPUs are of a pool',
  'its GPUs are of a pool, and somebody waits for a model',
  'it makes room',
  'an operator asked for it there',
] as const

export type Given = (typeof givens)[number]

export type Fact =
  | 'ready'
  | 'start failed'
  | 'models refused'
  | 'replica lost'
  | 'drain overdue'
  | 'unload overdue'
  | 'crowded'
  | 'cold'
  | 'held'

export interface Row {
  readonly in: readonly Leaf[]
  readonly when: Happening
  readonly given?: Given
  /** `noted`: it is known from then on, and nothing moves. */
  readonly outcome: Leaf | 'noted'
  /** The reason that log and status give. */
  readonly because?: string
  /** Facts that are told, in order. */
  readonly tells?: readonly Fact[]
}

const keptWarm = 'kept warm until 18:00'
const otherWanted = 'c: somebody waits for it, nobody for the loaded model'

export const table: readonly Row[] = [
  // Who waits.
  {
    in: ['idle.rechecking'],
    when: 'somebody waits for its model',
    outcome: 'ready.serving',
    because: 'somebody asked just then',
  },
  {
    in: [...starting, ...switching, 'idle.draining', ...scalingDown],
    when: 'somebody waits for its model',
    outcome: 'noted',
  },
  // A load took no time in these examples, so that a second one would have paid already.
  {
    in: ready,
    when: 'somebody waits for its model',
    outcome: 'noted',
    tells: ['crowded'],
  },
  {
    in: ['cold'],
    when: 'somebody waits for another model',
    outcome: 'creatingResources',
    because: 'somebody waits for it',
  },
  { in: ['cold'], when: 'somebody waits for another model', given: 'it is held', outcome: 'noted' },
  {
    in: ['cold'],
    when: 'somebody waits for another model',
    given: 'that model is in its backoff',
    outcome: 'noted',
  },
  {
    in: ['ready.quiet'],
    when: 'somebody waits for another model',
    outcome: 'switchingModel.draining',
    because: otherWanted,
  },
  {
    in: ['ready.quiet'],
    when: 'somebody waits for another model',
    given: 'that model is in its backoff',
    outcome: 'noted',
  },
  {
    in: [...starting, 'ready.serving', ...switching, ...idle],
    when: 'somebody waits for another model',
    outcome: 'noted',
  },
  {
    in: ['switchingModel.draining'],
    when: 'nobody waits any more',
    outcome: 'ready.serving',
    because: 'the other model is not wanted any more',
  },
  {
    in: ['switchingModel.draining'],
    when: 'nobody waits any more',
    given: 'the switch is a reload',
    outcome: 'noted',
  },
  {
    in: ['cold', ...starting, ...ready, ...unloading, ...idle],
    when: 'nobody waits any more',
    outcome: 'noted',
  },

  // Pins.
  {
    in: ['switchingModel.draining'],
    when: 'its model is pinned',
    outcome: 'ready.serving',
    because: 'an operator has pinned its model',
  },
  {
    in: ['switchingModel.draining'],
    when: 'its model is pinned',
    given: 'the switch is a reload',
    outcome: 'noted',
  },
  {
    in: [...starting, ...ready, ...unloading, ...idle],
    when: 'its model is pinned',
    outcome: 'noted',
  },
  {
    in: ['ready.quiet'],
    when: 'somebody waits for another model',
    given: 'its model is pinned',
    outcome: 'noted',
  },
  {
    in: ['ready.quiet'],
    when: 'nothing is pinned any more',
    given: 'its model is pinned, and somebody waits for another model',
    outcome: 'switchingModel.draining',
    because: otherWanted,
  },
  { in: leaves, when: 'nothing is pinned any more', outcome: 'noted' },

  // GPUs of a pool.
  {
    in: ['cold'],
    when: 'somebody waits for another model',
    given: 'its GPUs are of a pool',
    outcome: 'noted',
  },
  {
    in: ['cold'],
    when: 'its pool gives it GPUs',
    given: 'its GPUs are of a pool, and somebody waits for a model',
    outcome: 'creatingResources',
    because: 'somebody waits for it',
  },
  { in: leaves, when: 'its pool gives it GPUs', outcome: 'noted' },
  {
    in: ['ready.quiet'],
    when: 'another backend needs its GPUs',
    outcome: 'idle.draining',
    because: 'room for x on gpu1: somebody waits for it, nobody for the loaded model',
  },
  {
    in: ready,
    when: 'another backend needs its GPUs',
    given: 'an operator asked for it there',
    outcome: 'idle.draining',
    because: 'room for x on gpu1: an operator asked for it',
  },
  {
    in: ['cold', ...starting, 'ready.serving', ...switching, ...idle],
    when: 'another backend needs its GPUs',
    outcome: 'noted',
  },
  {
    in: ['idle.draining'],
    when: 'another backend needs its GPUs no more',
    given: 'it makes room',
    outcome: 'ready.quiet',
    because: 'nothing wants it down any more',
  },
  { in: leaves, when: 'another backend needs its GPUs no more', outcome: 'noted' },
  {
    in: ['cold'],
    when: 'a second copy of another model is wanted',
    outcome: 'creatingResources',
    because: 'another backend cannot keep up with who asks for it',
  },
  { in: up, when: 'a second copy of another model is wanted', outcome: 'noted' },

  // Leases.
  { in: ['ready.serving'], when: 'a lease goes out', outcome: 'noted' },
  { in: ['ready.quiet'], when: 'a lease goes out', outcome: 'ready.serving' },
  { in: ['ready.serving'], when: 'the last lease comes back', outcome: 'ready.quiet' },
  {
    in: ['ready.quiet', 'switchingModel.draining', 'idle.draining'],
    when: 'the last lease comes back',
    outcome: 'noted',
  },

  // The catalogue.
  {
    in: starting,
    when: 'its manifest changes',
    outcome: 'switchingModel.unloading',
    because: 'its manifest changed while it was loading',
  },
  {
    in: ready,
    when: 'its manifest changes',
    outcome: 'switchingModel.draining',
    because: 'a: its manifest changed',
  },
  { in: [...switching, ...idle], when: 'its manifest changes', outcome: 'noted' },
  { in: up, when: 'only its idle timeout changes', outcome: 'noted' },
  {
    in: starting,
    when: 'its model is removed',
    outcome: 'idle.scalingDown',
    because: 'its model was removed',
  },
  {
    in: [...ready, 'switchingModel.draining'],
    when: 'its model is removed',
    outcome: 'idle.draining',
    because: 'its model was removed',
  },
  { in: [...unloading, ...idle], when: 'its model is removed', outcome: 'noted' },
  {
    in: ['switchingModel.draining'],
    when: 'the target is removed',
    outcome: 'ready.serving',
    because: 'the other model is not wanted any more',
  },
  { in: unloading, when: 'the target is removed', outcome: 'noted' },
  { in: leaves, when: 'another model changes', outcome: 'noted' },

  // The schedule. It wakes what rests, and moves nothing that is up.
  { in: up, when: 'its model is to be kept warm', outcome: 'noted' },
  {
    in: ['cold'],
    when: 'another model is to be kept warm',
    outcome: 'creatingResources',
    because: keptWarm,
  },
  {
    in: ['cold'],
    when: 'another model is to be kept warm',
    given: 'it is held',
    outcome: 'noted',
  },
  {
    in: ['cold'],
    when: 'another model is to be kept warm',
    given: 'that model is in its backoff',
    outcome: 'noted',
  },
  {
    in: ['cold'],
    when: 'another model is to be kept warm',
    given: 'another program leads',
    outcome: 'noted',
  },
  { in: up, when: 'another model is to be kept warm', outcome: 'noted' },
  { in: leaves, when: 'nothing is to be kept warm any more', outcome: 'noted' },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    given: 'its model is kept warm',
    outcome: 'noted',
  },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    given: 'another model is kept warm',
    outcome: 'idle.rechecking',
    because: 'nobody asked for the idle timeout',
  },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    given: 'another model is kept warm, and this one never idles',
    outcome: 'idle.rechecking',
    because: 'nobody asked for the idle timeout',
  },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    given: 'another model is kept warm, and in its backoff',
    outcome: 'noted',
  },
  {
    in: ['idle.scalingDown'],
    when: 'the replicas are gone',
    given: 'another model is kept warm',
    outcome: 'creatingResources',
    because: keptWarm,
    tells: ['cold'],
  },
  {
    in: ['ready.quiet', 'ready.serving'],
    when: 'an operator stops it',
    given: 'its model is kept warm',
    outcome: 'idle.draining',
    because: 'an operator stopped it',
  },
  {
    in: ['ready.quiet'],
    when: 'somebody waits for another model',
    given: 'its model is kept warm',
    outcome: 'switchingModel.draining',
    because: otherWanted,
  },

  // Operators.
  {
    in: ['cold', ...starting, ...ready, ...switching, ...scalingDown],
    when: 'an operator starts it, naming no model',
    outcome: 'noted',
  },
  {
    in: ['idle.rechecking'],
    when: 'an operator starts it, naming no model',
    outcome: 'ready.quiet',
    because: 'an operator asked for it',
  },
  {
    in: ['idle.draining'],
    when: 'an operator starts it, naming no model',
    outcome: 'ready.serving',
    because: 'nothing wants it down any more',
  },
  {
    in: ['idle.draining'],
    when: 'an operator starts it, naming no model',
    given: 'its model was removed',
    outcome: 'noted',
  },
  {
    in: [...starting, ...ready, ...switching, ...scalingDown],
    when: 'an operator starts its model',
    outcome: 'noted',
  },
  {
    in: ['idle.rechecking'],
    when: 'an operator starts its model',
    outcome: 'ready.quiet',
    because: 'an operator asked for it',
  },
  {
    in: ['idle.draining'],
    when: 'an operator starts its model',
    outcome: 'ready.serving',
    because: 'nothing wants it down any more',
  },
  {
    in: ['cold'],
    when: 'an operator starts another model',
    outcome: 'creatingResources',
    because: 'an operator asked for it',
  },
  {
    in: ['cold'],
    when: 'an operator starts another model',
    given: 'it is held',
    outcome: 'creatingResources',
    because: 'an operator asked for it',
  },
  {
    in: ['cold'],
    when: 'an operator starts another model',
    given: 'that model is in its backoff',
    outcome: 'creatingResources',
    because: 'an operator asked for it',
  },
  {
    in: starting,
    when: 'an operator starts another model',
    outcome: 'switchingModel.unloading',
    because: 'c: an operator asked for it',
  },
  {
    in: [...ready, 'switchingModel.draining', 'idle.draining'],
    when: 'an operator starts another model',
    outcome: 'switchingModel.draining',
    because: 'c: an operator asked for it',
  },
  {
    in: [...unloading, 'idle.rechecking', ...scalingDown],
    when: 'an operator starts another model',
    outcome: 'noted',
  },
  ...(['an operator stops it', 'an operator stops and holds it'] as const).flatMap(
    (when): Row[] => {
      const told = when === 'an operator stops it' ? {} : { tells: ['held'] as const }
      const because = 'an operator stopped it'
      return [
        { in: starting, when, outcome: 'idle.scalingDown', because, ...told },
        {
          in: [...ready, 'switchingModel.draining'],
          when,
          outcome: 'idle.draining',
          because,
          ...told,
        },
        { in: ['cold', ...unloading, ...idle], when, outcome: 'noted', ...told },
      ]
    },
  ),

  // Replicas.
  {
    in: ready,
    when: 'its replica is lost',
    outcome: 'idle.scalingDown',
    because: 'a replica was lost: killed by SIGKILL',
    tells: ['replica lost'],
  },
  {
    in: ready,
    when: 'its replica is lost',
    given: 'somebody waits for its model',
    outcome: 'switchingModel.unloading',
    because: 'a replica was lost: killed by SIGKILL',
    tells: ['replica lost'],
  },
  {
    in: ready,
    when: 'its replica is lost, the platform brings another',
    outcome: 'idle.scalingDown',
    because: 'a replica was lost: killed by SIGKILL',
    tells: ['replica lost'],
  },
  {
    in: ready,
    when: 'its replica is lost, the platform brings another',
    given: 'somebody waits for its model',
    outcome: 'scalingUp',
    because: 'a replica was lost: killed by SIGKILL',
    tells: ['replica lost'],
  },
  ...(['its replica is lost', 'its replica is lost, the platform brings another'] as const).map(
    (when): Row => ({ in: ['cold', ...starting, ...switching, ...idle], when, outcome: 'noted' }),
  ),
  { in: leaves, when: 'a start phase is reached', outcome: 'noted' },

  // Others in the same world.
  { in: ['cold', ...ready], when: 'another program leads', outcome: 'noted' },
  {
    in: [...starting, ...unloading, ...scalingDown],
    when: 'another program leads',
    outcome: 'cold',
    because: 'another program leads from now on',
    tells: ['cold'],
  },
  {
    in: ['switchingModel.draining', 'idle.draining'],
    when: 'another program leads',
    outcome: 'ready.serving',
    because: 'another program leads from now on',
  },
  {
    in: ['idle.rechecking'],
    when: 'another program leads',
    outcome: 'ready.quiet',
    because: 'another program leads from now on',
  },
  { in: leaves, when: 'this program leads', outcome: 'noted' },
  {
    in: ['cold'],
    when: 'this program leads',
    given: 'another program leads, and somebody waits for a model',
    outcome: 'creatingResources',
    because: 'somebody waits for it',
  },
  {
    in: ['cold'],
    when: 'others bring up a ready one',
    outcome: 'ready.quiet',
    because: 'it was found at the start of the program',
    tells: ['ready'],
  },
  {
    in: ['cold'],
    when: 'others bring up a ready one',
    given: 'another program leads',
    outcome: 'ready.quiet',
    because: 'it was found at the start of the program',
    tells: ['ready'],
  },
  { in: up, when: 'others bring up a ready one', outcome: 'noted' },
  {
    in: ['cold'],
    when: 'others take it down',
    outcome: 'idle.scalingDown',
    because: 'what was found serves no known model',
  },
  { in: up, when: 'others take it down', outcome: 'noted' },
  {
    in: ready,
    when: 'others take it down',
    given: 'another program leads',
    outcome: 'cold',
    because: 'another program takes it down',
    tells: ['cold'],
  },
  {
    in: ready,
    when: 'its replica is lost',
    given: 'another program leads',
    outcome: 'cold',
    because: 'a replica was lost: killed by SIGKILL',
    tells: ['replica lost', 'cold'],
  },
  {
    in: ['cold', 'ready.quiet'],
    when: 'somebody waits for another model',
    given: 'another program leads',
    outcome: 'noted',
  },
  {
    in: ready,
    when: 'its model is removed',
    given: 'another program leads',
    outcome: 'noted',
  },
  { in: ready, when: 'its manifest changes', given: 'another program leads', outcome: 'noted' },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    given: 'another program leads',
    outcome: 'noted',
  },
  {
    in: leaves,
    when: 'the driver refuses another model',
    outcome: 'noted',
    tells: ['models refused'],
  },
  {
    in: ['switchingModel.draining'],
    when: 'the driver refuses the target',
    outcome: 'ready.serving',
    because: 'the other model is not wanted any more',
    tells: ['models refused'],
  },
  {
    in: unloading,
    when: 'the driver refuses the target',
    outcome: 'noted',
    tells: ['models refused'],
  },

  // The policy.
  {
    in: ['ready.serving'],
    when: 'the alarm of the policy rings',
    given: 'another model has waited maxWait',
    outcome: 'switchingModel.draining',
    because: 'c: somebody has waited maxWait for it',
  },
  {
    in: ['ready.serving'],
    when: 'the alarm of the policy rings',
    given: 'another model has waited maxWait, but what was queued at the start is still owed',
    outcome: 'noted',
  },
  { in: leaves, when: 'the alarm of the policy rings', outcome: 'noted' },

  // What is found at the start of the program.
  { in: ['cold'], when: 'the program starts', outcome: 'noted', because: 'the program started' },
  {
    in: ['cold'],
    when: 'the program starts',
    given: 'a ready one of a known model is there',
    outcome: 'ready.quiet',
    because: 'it was found at the start of the program',
    tells: ['ready'],
  },
  {
    in: ['cold'],
    when: 'the program starts',
    given: 'a ready one of an older manifest is there',
    outcome: 'switchingModel.draining',
    because: 'a: its manifest changed',
    tells: ['ready'],
  },
  {
    in: ['cold'],
    when: 'the program starts',
    given: 'one that starts a known model is there',
    outcome: 'creatingResources',
    because: 'it was found at the start of the program',
  },
  {
    in: ['cold'],
    when: 'the program starts',
    given: 'one of an unknown model is there',
    outcome: 'idle.scalingDown',
    because: 'what was found serves no known model',
  },
  {
    in: ['cold'],
    when: 'the program starts',
    given: 'something that is leaving is there',
    outcome: 'idle.scalingDown',
    because: 'what was found serves no known model',
  },

  // What becomes of the effects.
  {
    in: ['creatingResources'],
    when: 'the resources are there',
    outcome: 'scalingUp',
    because: 'its resources are there',
  },
  {
    in: ['creatingResources'],
    when: 'the resources fail',
    outcome: 'idle.scalingDown',
    because: 'the start failed: it broke',
    tells: ['start failed'],
  },
  {
    in: ['creatingResources'],
    when: 'the resources deadline passes',
    outcome: 'idle.scalingDown',
    because: 'the start failed: the resources were not there after 60 s',
    tells: ['start failed'],
  },
  {
    in: ['scalingUp'],
    when: 'its replicas are ready',
    outcome: 'ready.serving',
    because: 'its own /v1/models names the model',
    tells: ['ready'],
  },
  {
    in: ['scalingUp'],
    when: 'its replicas are ready',
    given: 'nobody waits any more',
    outcome: 'ready.quiet',
    because: 'its own /v1/models names the model',
    tells: ['ready'],
  },
  {
    in: ['scalingUp'],
    when: 'its replicas cannot start',
    outcome: 'idle.scalingDown',
    because: 'the start failed: it broke',
    tells: ['start failed'],
  },
  {
    in: ['scalingUp'],
    when: 'the start deadline passes',
    outcome: 'idle.scalingDown',
    because: 'the start failed: not ready after 600 s',
    tells: ['start failed'],
  },
  {
    in: ['scalingUp'],
    when: 'the gate cannot be opened',
    outcome: 'idle.draining',
    because: 'the gate could not be opened',
    tells: ['ready'],
  },
  {
    in: ['scalingUp'],
    when: 'its replicas cannot be watched',
    outcome: 'idle.draining',
    because: 'its replicas could not be watched',
    tells: ['ready'],
  },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    outcome: 'idle.rechecking',
    because: 'nobody asked for the idle timeout',
  },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    given: 'it never idles',
    outcome: 'noted',
  },
  {
    in: ['ready.quiet'],
    when: 'the idle timeout passes',
    given: 'somebody waits for its model',
    outcome: 'ready.serving',
    because: 'somebody asked just then',
  },
  {
    in: ['switchingModel.draining'],
    when: 'the leases are drained',
    outcome: 'switchingModel.unloading',
  },
  { in: ['switchingModel.draining'], when: 'the drain fails', outcome: 'switchingModel.unloading' },
  {
    in: ['switchingModel.draining'],
    when: 'the drain deadline passes',
    outcome: 'noted',
    tells: ['drain overdue'],
  },
  {
    in: ['switchingModel.draining'],
    when: 'the drain deadline passes',
    given: 'cutting is allowed',
    outcome: 'switchingModel.unloading',
    tells: ['drain overdue'],
  },
  { in: ['idle.draining'], when: 'the leases are drained', outcome: 'idle.scalingDown' },
  { in: ['idle.draining'], when: 'the drain fails', outcome: 'idle.scalingDown' },
  {
    in: ['idle.draining'],
    when: 'the drain deadline passes',
    outcome: 'noted',
    tells: ['drain overdue'],
  },
  {
    in: ['idle.draining'],
    when: 'the drain deadline passes',
    given: 'cutting is allowed',
    outcome: 'idle.scalingDown',
    tells: ['drain overdue'],
  },
  {
    in: ['switchingModel.unloading'],
    when: 'the replicas are gone',
    outcome: 'creatingResources',
    because: 'b: somebody has waited maxWait for it',
  },
  {
    in: ['switchingModel.unloading'],
    when: 'the replicas are gone',
    given: 'the switch is a reload',
    outcome: 'creatingResources',
    because: 'a: its manifest changed',
  },
  {
    in: ['switchingModel.unloading'],
    when: 'the replicas are gone',
    given: 'the target is not wanted any more',
    outcome: 'cold',
    because: 'the other model is not wanted any more',
    tells: ['cold'],
  },
  {
    in: ['switchingModel.unloading'],
    when: 'the replicas are gone',
    given: 'an operator wants another model',
    outcome: 'creatingResources',
    because: 'an operator asked for it',
    tells: ['cold'],
  },
  {
    in: ['switchingModel.unloading'],
    when: 'the unload fails',
    outcome: 'switchingModel.unloadingFailed',
    tells: ['unload overdue'],
  },
  {
    in: ['switchingModel.unloading'],
    when: 'the unload deadline passes',
    outcome: 'switchingModel.unloading',
    tells: ['unload overdue'],
  },
  {
    in: ['switchingModel.unloadingFailed'],
    when: 'a second after a failed unload',
    outcome: 'switchingModel.unloading',
  },
  { in: ['idle.rechecking'], when: 'the engine is quiet', outcome: 'idle.scalingDown' },
  {
    in: ['idle.rechecking'],
    when: 'the engine is at work',
    outcome: 'ready.quiet',
    because: 'the engine itself is still at work',
  },
  { in: ['idle.rechecking'], when: 'the engine does not say', outcome: 'idle.scalingDown' },
  { in: ['idle.rechecking'], when: 'asking the engine fails', outcome: 'idle.scalingDown' },
  { in: ['idle.rechecking'], when: 'the recheck deadline passes', outcome: 'idle.scalingDown' },
  { in: ['idle.scalingDown'], when: 'the replicas are gone', outcome: 'cold', tells: ['cold'] },
  {
    in: ['idle.scalingDown'],
    when: 'the replicas are gone',
    given: 'somebody waits for its model',
    outcome: 'creatingResources',
    because: 'somebody waits for it',
    tells: ['cold'],
  },
  {
    in: ['idle.scalingDown'],
    when: 'the unload fails',
    outcome: 'idle.scalingDownFailed',
    tells: ['unload overdue'],
  },
  {
    in: ['idle.scalingDown'],
    when: 'the unload deadline passes',
    outcome: 'idle.scalingDown',
    tells: ['unload overdue'],
  },
  {
    in: ['idle.scalingDownFailed'],
    when: 'a second after a failed unload',
    outcome: 'idle.scalingDown',
  },
]
