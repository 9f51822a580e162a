import type { CAC } from 'cac'
import type { BackendStatus, CommandAnswer, StatusAnswer } from '../operations/index.ts'
import { argumentText } from './command-line.ts'
import { follow, type Goal } from './follow.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { inWords } from './table.ts'
import type { Terminal } from './terminal.ts'

export interface CommandOptions {
  json?: boolean
  /** False with `--no-wait`. */
  wait: boolean
}

export function registerSwitch(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('switch <model>', 'Load this model, after what runs has ended'))
    .option('--no-wait', 'Return once the command is accepted')
    .example('  $ vllm-chill switch qwen3-coder-30b-fp8')
    .action(async (given: unknown, options: CommandOptions) => {
      const model = argumentText(cli, given)
      const instance = runningInstance(cli, terminal.env)
      const before = await instance.status()
      const answer = await instance.command('models/switch', { model_id: model })
      if (!options.wait) return printAccepted(answer, options, terminal)
      const started = performance.now()
      const goal = loaded(answer.model ?? model)
      const status = await follow(instance, goal, before, terminal)
      const where = status.backends.find((backend) => isReadyWith(backend, goal.model))
      const took = inWords(performance.now() - started)
      printDone(status, `${goal.model} is ready on ${where?.name} after ${took}`, options, terminal)
    })
}

/** Some backend is ready with the model. */
export function loaded(model: string): Goal & { readonly model: string } {
  return {
    model,
    concerns: (backend) => backend.model === model || backend.target === model,
    reached: (backends) => backends.some((backend) => isReadyWith(backend, model)),
  }
}

function isReadyWith({ state, model, target }: BackendStatus, wanted: string): boolean {
  const isLeaving = target !== undefined && target !== wanted
  return /^ready(\.|$)/.test(state) && model === wanted && !isLeaving
}

export function printAccepted(
  answer: CommandAnswer,
  { json }: { json?: boolean },
  { print }: Terminal,
): void {
  print(json ? JSON.stringify(answer, null, 2) : `accepted: ${answer.message}`)
}

export function printDone(
  status: StatusAnswer,
  words: string,
  { json }: CommandOptions,
  { print }: Terminal,
): void {
  print(json ? JSON.stringify(status, null, 2) : words)
}
