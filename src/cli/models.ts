import type { CAC } from 'cac'
import type { ModelsAnswer } from '../operations/index.ts'
import { failureLines } from './backend-words.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { columnsText, folded, plain } from './screen/index.ts'
import { inWords } from './table.ts'
import type { Terminal } from './terminal.ts'

export function registerModels(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('models', 'List the models that a running vllm-chill knows'))
    .example('  $ vllm-chill models')
    .action(async ({ json }: { json?: boolean }) => {
      const answer = await runningInstance(cli, terminal.env).models()
      terminal.print(
        json ? JSON.stringify(answer, null, 2) : modelsText(answer, terminal.screen?.columns()),
      )
    })
}

function modelsText({ models, problems }: ModelsAnswer, columns: number | undefined): string {
  const list =
    models.length === 0
      ? 'No models are known.'
      : columnsText(
          [
            { heading: 'MODEL', least: 12 },
            { heading: 'ALIASES', least: 8, worth: 1 },
            { heading: 'WHERE', least: 10, worth: 5 },
            { heading: 'WAITING', worth: 4 },
            { heading: 'PRIORITY', worth: 2 },
            { heading: 'IDLE AFTER', worth: 3 },
            { heading: 'FROM', least: 12, worth: 0 },
          ],
          models.map(({ name, aliases, on, waiting, priority, idleTimeoutMs, source, pinned }) => [
            name + (pinned ? ' (pinned)' : ''),
            aliases.join(', ') || '-',
            on.map(({ backend, state }) => `${backend} ${state}`).join(', ') || '-',
            String(waiting),
            String(priority),
            inWords(idleTimeoutMs),
            source,
          ]),
          columns,
        )
  const failures = models.flatMap(({ failure }) => (failure ? failureLines(failure) : []))
  const mend = problems.map(({ source, message }) => `${source}: ${message}`)
  const below = folded([...failures, ...mend].map(plain), columns)
  return [list, ...(below.length > 0 ? ['', ...below] : [])].join('\n')
}
