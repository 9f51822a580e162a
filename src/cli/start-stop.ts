import type { CAC } from 'cac'
import type { BackendStatus, StatusAnswer } from '../operations/index.ts'
import { optionText } from './command-line.ts'
import { follow, type Goal } from './follow.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { loaded, printAccepted, printDone, type CommandOptions } from './switch.ts'
import { inWords } from './table.ts'
import type { Terminal } from './terminal.ts'

export function registerStart(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('start', 'Let a stopped backend come up again'))
    .option('--backend <backend>', 'This backend only')
    .option('--model <model>', 'Load this model now')
    .option('--no-wait', 'Return once the command is accepted')
    .example('  $ vllm-chill start --backend gpu0')
    .example('  $ vllm-chill start --model qwen3-coder-30b-fp8')
    .action((options: CommandOptions) =>
      operate(cli, terminal, options, 'start', (before, { model, backend }) =>
        model === undefined ? settled(addressed(before, { backend })) : loaded(model),
      ),
    )
}

export function registerStop(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('stop', 'Give the GPU back, after what runs has ended'))
    .option('--backend <backend>', 'This backend only')
    .option('--model <model>', 'Only where this model is')
    .option('--hold', 'Stay down until `vllm-chill start`, whoever asks')
    .option('--no-wait', 'Return once the command is accepted')
    .example('  $ vllm-chill stop --backend gpu0 --hold')
    .action((options: CommandOptions & { hold?: boolean }) =>
      operate(cli, terminal, options, 'stop', (before, named) => down(addressed(before, named))),
    )
}

interface Names {
  backend?: string | undefined
  model?: string | undefined
}

async function operate(
  cli: CAC,
  terminal: Terminal,
  options: CommandOptions & { hold?: boolean },
  word: 'start' | 'stop',
  goalAfter: (before: StatusAnswer, names: Names) => Goal,
): Promise<void> {
  const instance = runningInstance(cli, terminal.env)
  const before = await instance.status()
  const answer = await instance.command(`operations/${word}`, {
    backend: optionText(cli, '--backend'),
    model: optionText(cli, '--model'),
    ...(options.hold && { hold: true }),
  })
  if (!options.wait) return printAccepted(answer, options, terminal)
  const started = performance.now()
  const status = await follow(instance, goalAfter(before, answer), before, terminal)
  const took = inWords(performance.now() - started)
  const free = word === 'start' && answer.model === undefined ? freeIn(status, answer) : []
  const words =
    free.length > 0
      ? `${free.join(', ')} ${free.length > 1 ? 'are' : 'is'} free to load what is asked for; --model loads one now`
      : `done: ${answer.message}, after ${took}`
  printDone(status, words, options, terminal)
}

/** Names of those that nothing is loaded on. */
function freeIn(status: StatusAnswer, names: Names): string[] {
  return addressed(status, names)
    .filter(({ state }) => state === 'cold')
    .map(({ name }) => name)
}

function addressed({ backends }: StatusAnswer, { backend, model }: Names): BackendStatus[] {
  return backends.filter(
    (one) =>
      (backend === undefined || one.name === backend) &&
      (model === undefined || one.model === model || one.target === model),
  )
}

/** Not held, and either up or down for good. */
function settled(before: readonly BackendStatus[]): Goal {
  const concerns = (backend: BackendStatus) => before.some(({ name }) => name === backend.name)
  return {
    concerns,
    reached: (backends) =>
      backends
        .filter((backend) => concerns(backend))
        .every(({ held, state }) => !held && /^(cold|ready)(\.|$)/.test(state)),
  }
}

/** Cold, or started again since: somebody may ask for a model the moment the GPU is free. */
function down(before: readonly BackendStatus[]): Goal {
  const generations = new Map(before.map(({ name, generation }) => [name, generation]))
  return {
    concerns: ({ name }) => generations.has(name),
    reached: (backends) =>
      backends.every(({ name, state, generation }) => {
        const old = generations.get(name)
        return old === undefined || generation > old || /^cold(\.|$)/.test(state)
      }),
  }
}
