import type { CAC } from 'cac'

/**
 * The command `simulate`. Its command line is read by the room itself, because it is one written
 * for vLLM, with flags that cac cannot know; `simulate --help` lists those that do something.
 */
export function registerSimulate(cli: CAC): void {
  cli
    .command('simulate [...model]', 'Behave as a vLLM server, without a GPU')
    .usage('simulate [MODEL] [options]')
    .allowUnknownOptions()
    .example('  $ vllm-chill simulate --model org/name --port 9000 --load-time 2s')
    .example('  $ vllm-chill simulate --help')
    .action(async () => {
      const { runSimulator } = await import('../simulator/index.ts')
      await runSimulator(process.argv.slice(process.argv.indexOf('simulate') + 1))
    })
}
