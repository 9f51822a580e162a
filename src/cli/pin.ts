import type { CAC } from 'cac'
import { argumentText } from './command-line.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { printAccepted } from './switch.ts'
import type { Terminal } from './terminal.ts'

export function registerPin(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(
    cli.command('pin <model>', 'While this model is loaded, let it make room for no other'),
  )
    .example('  $ vllm-chill pin qwen3-coder-30b-fp8')
    .action(setPinned(cli, terminal, true))
}

export function registerUnpin(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('unpin <model>', 'Let this model make room for others again'))
    .example('  $ vllm-chill unpin qwen3-coder-30b-fp8')
    .action(setPinned(cli, terminal, false))
}

function setPinned(cli: CAC, terminal: Terminal, pinned: boolean) {
  return async (given: unknown, options: { json?: boolean }) => {
    const model = argumentText(cli, given)
    const instance = runningInstance(cli, terminal.env)
    printAccepted(await instance.command('models/pin', { model, pinned }), options, terminal)
  }
}
