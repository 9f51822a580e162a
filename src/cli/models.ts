import type { CAC } from 'cac'
import type { ModelsAnswer } from '../operations/index.ts'
import { failureLines } from './backend-words.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { inWords, table } from './table.ts'
import type { Terminal } from './terminal.ts'

export function registerModels(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('models', 'List the models that a running vllm-chill knows'))
    .example('  $ vllm-chill models')
    .action(async ({ json }: { json?: boolean }) => {
      const answer = await runningInstance(cli, terminal.env).models()
      terminal.print(json ? JSON.stringify(answer, null, 2) : modelsText(answer))
    })
}

function modelsText({ models, problems }: ModelsAnswer): string {
  const list =
    models.length === 0
      ? 'No models are known.'
      : table(
          ['MODEL', 'ALIASES', 'WHERE', 'WAITING', 'PRIORITY', 'IDLE AFTER', 'FROM'],
          models.map(({ name, aliases, on, waiting, priority, idleTimeoutMs, source }) => [
            name,
            aliases.join(', ') || '-',
            on.map(({ backend, state }) => `${backend} ${state}`).join(', ') || '-',
            String(waiting),
            String(priority),
            inWords(idleTimeoutMs),
            source,
          ]),
        )
  const failures = models.flatMap(({ failure }) => (failure ? failureLines(failure) : []))
  const mend = problems.map(({ source, message }) => `${source}: ${message}`)
  return [
    list,
    ...[...failures, ...mend].map((line, index) => (index === 0 ? `\n${line}` : line)),
  ].join('\n')
}
