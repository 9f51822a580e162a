import type { CAC } from 'cac'
import { validateManifests, type Validation } from '../catalogue/index.ts'
import { UsageError } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** `vllm-chill validate`: what a catalogue of these files would say, before it is one. */
export function registerValidate(cli: CAC, terminal: Terminal): void {
  cli
    .command('validate [...files]', 'Check model manifests: files, or folders of them')
    .option('--json', 'Print JSON')
    .example('  $ vllm-chill validate models/ other.yaml')
    .action(async (files: readonly string[], options: { json?: boolean }) => {
      if (files.length === 0) throw new UsageError('validate needs a file or a folder')
      const result = await validateManifests(files.map(String))
      terminal.print(options.json ? JSON.stringify(plainData(result), null, 2) : inWords(result))
      return result.problems.length > 0 ? 1 : 0
    })
}

function inWords({ models, problems, skipped }: Validation): string {
  const lines = [
    ...models.map(({ source, name, aliases }) => {
      const names = aliases.length > 0 ? `${name} (also ${aliases.join(', ')})` : name
      return `ok       ${source}: ${names}`
    }),
    ...skipped.map(({ source, message }) => `skipped  ${source}: ${message}`),
    ...problems.map(({ source, message }) => `problem  ${source}: ${message}`),
  ]
  return lines.length > 0 ? lines.join('\n') : 'nothing found'
}

function plainData({ models, problems, skipped }: Validation) {
  return {
    models: models.map(({ name, aliases, source, manifest }) => ({
      name,
      aliases,
      source,
      manifest,
    })),
    problems,
    skipped,
  }
}
