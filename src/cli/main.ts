import { cac, type CAC } from 'cac'
import { complaintAbout } from './command-line.ts'
import { UsageError } from './failure.ts'
import { endQuietlyWhenOutputCloses, processTerminal, type Terminal } from './terminal.ts'
import { version } from './version.ts'

type Register = (cli: CAC, terminal: Terminal) => void

interface Section {
  title?: string
  body: string
}

/** Loaded only when asked for: `status` need not wait for the whole proxy to be read. */
const commands: Record<string, () => Promise<Register>> = {
  serve: async () => (await import('./serve.ts')).registerServe,
  simulate: async () => (await import('./simulate.ts')).registerSimulate,
  config: async () => (await import('./config.ts')).registerConfig,
  validate: async () => (await import('./validate.ts')).registerValidate,
  models: async () => (await import('./models.ts')).registerModels,
  status: async () => (await import('./status.ts')).registerStatus,
  switch: async () => (await import('./switch.ts')).registerSwitch,
  start: async () => (await import('./start-stop.ts')).registerStart,
  stop: async () => (await import('./start-stop.ts')).registerStop,
  manifests: async () => (await import('./manifests.ts')).registerManifests,
  install: async () => (await import('./install.ts')).registerInstall,
  uninstall: async () => (await import('./uninstall.ts')).registerUninstall,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
}

/** Their help shows the settings in groups. */
const takesSettings = new Set(['serve', 'config', 'manifests', 'install', 'uninstall', 'doctor'])

/** Runs one command line; resolves with the exit code: 0 done, 1 failed, 2 not understood. */
export async function main(argv: readonly string[], terminal = processTerminal): Promise<number> {
  if (terminal === processTerminal) endQuietlyWhenOutputCloses()
  try {
    return await run([...argv], terminal)
  } catch (error) {
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

  const cli = cac('vllm-chill')
  const group = await grouping(first)
  cli.help((sections) => group(readable(sections))).version(version)
  cli.example('  $ vllm-chill serve --models ./models --idle-timeout 5m')
  cli.example('  $ vllm-chill status')
  cli.example('  $ vllm-chill switch qwen3-coder-30b-fp8')
  const wanted =
    first !== undefined && Object.hasOwn(commands, first) ? [first] : Object.keys(commands)
  for (const name of wanted) (await commands[name]?.())?.(cli, terminal)

  cli.parse(argv, { run: false })
  if (cli.options['help'] || cli.options['version']) return 0
  const complaint = await complaintAbout(cli, Object.keys(commands))
  if (complaint !== undefined) throw new UsageError(complaint)
  const code: unknown = await cli.runMatchedCommand()
  return typeof code === 'number' ? code : Number(process.exitCode ?? 0)
}

async function grouping(first: string | undefined): Promise<(sections: Section[]) => Section[]> {
  if (!takesSettings.has(first ?? '')) return (sections) => sections
  return (await import('../config/index.ts')).groupHelp
}

/** cac's help, without its list of further helps and without the defaults of `--no-…`. */
function readable(sections: Section[]): Section[] {
  for (const section of sections) {
    section.body = section.body
      .replaceAll(/(^ *--no-.*) \(default: true\)$/gm, '$1')
      .replaceAll(/ +$/gm, '')
  }
  return sections.filter(({ title }) => !title?.startsWith('For more info'))
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
