import { commands, createCommandLine } from './commands.ts'
import { complaintAbout } from './command-line.ts'
import { CommandFailed, UsageError } from './failure.ts'
import { endQuietlyWhenOutputCloses, processTerminal, type Terminal } from './terminal.ts'
import { version } from './version.ts'
import { keepYoungMemorySmall } from './young-memory.ts'

/** Runs one command line; resolves with the exit code: 0 done, 1 failed, 2 not understood. */
export async function main(argv: readonly string[], terminal = processTerminal): Promise<number> {
  if (terminal === processTerminal) endQuietlyWhenOutputCloses()
  try {
    return await run([...argv], terminal)
  } catch (error) {
    if (error instanceof CommandFailed && error.told && argv.includes('--json')) {
      terminal.print(JSON.stringify(error.told, null, 2))
    }
    return complain(error, argv[2], terminal)
  }
}

async function run(argv: string[], terminal: Terminal): Promise<number> {
  const [, , first] = argv
  if (first === '--version' || first === '-v') {
    terminal.print(`vllm-chill ${version}`)
    return 0
  }

  if (first === 'simulate') {
    // A command line meant for vLLM, with flags that nobody here knows: the simulator reads it itself.
    const { runSimulator } = await import('../simulator/index.ts')
    await runSimulator(argv.slice(3))
    return Number(process.exitCode ?? 0)
  }

  if (first === 'complete') {
    // What a shell asks for at each Tab, with a command line that is not finished.
    const { answerShell } = await import('./completion/index.ts')
    await answerShell(argv.slice(3), terminal)
    return 0
  }

  if (first === 'serve' && terminal === processTerminal) keepYoungMemorySmall()
  const cli = await createCommandLine(first, terminal)
  cli.parse(argv, { run: false })
  if (cli.options['help'] || cli.options['version']) return 0
  const complaint = await complaintAbout(cli, Object.keys(commands))
  if (complaint !== undefined) throw new UsageError(complaint)
  const code: unknown = await cli.runMatchedCommand()
  return typeof code === 'number' ? code : Number(process.exitCode ?? 0)
}

function complain(error: unknown, first: string | undefined, { say }: Terminal): number {
  if (!(error instanceof Error)) {
    say(`vllm-chill: ${String(error)}\n`)
    return 1
  }
  if (error instanceof UsageError || error.name === 'CACError') {
    const command = first !== undefined && Object.hasOwn(commands, first) ? `${first} ` : ''
    say(`vllm-chill: ${error.message}\nTry \`vllm-chill ${command}--help\`.\n`)
    return 2
  }
  const isExpected = 'exitCode' in error
  say(`vllm-chill: ${isExpected ? error.message : (error.stack ?? error.message)}\n`)
  return isExpected ? Number(error.exitCode) : 1
}
