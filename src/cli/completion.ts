import type { CAC } from 'cac'
import { scripts, shells } from './completion/index.ts'
import { UsageError } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** `vllm-chill completion`: the script that a shell reads. */
export function registerCompletion(cli: CAC, terminal: Terminal): void {
  cli
    .command('completion <bash|zsh|fish>', 'Print what teaches a shell to complete this command')
    .example('  $ source <(vllm-chill completion bash)')
    .example("  $ echo 'source <(vllm-chill completion zsh)' >> ~/.zshrc")
    .example('  $ vllm-chill completion fish > ~/.config/fish/completions/vllm-chill.fish')
    .action((given: unknown) => {
      const shell = shells.find((one) => one === given)
      if (shell === undefined) {
        throw new UsageError(`no shell "${String(given)}" here: ${shells.join(', ')}`)
      }
      terminal.print(scripts[shell])
    })
}
