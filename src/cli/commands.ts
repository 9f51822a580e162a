import { cac, type CAC } from 'cac'
import type { Terminal } from './terminal.ts'
import { version } from './version.ts'

type Register = (cli: CAC, terminal: Terminal) => void

interface Section {
  title?: string
  body: string
}

/** Loaded only when asked for: `status` need not wait for the whole proxy to be read. */
export const commands: Readonly<Record<string, () => Promise<Register>>> = {
  serve: async () => (await import('./serve.ts')).registerServe,
  health: async () => (await import('./health.ts')).registerHealth,
  simulate: async () => (await import('./simulate.ts')).registerSimulate,
  config: async () => (await import('./config.ts')).registerConfig,
  validate: async () => (await import('./validate.ts')).registerValidate,
  plan: async () => (await import('./plan.ts')).registerPlan,
  models: async () => (await import('./models.ts')).registerModels,
  status: async () => (await import('./status.ts')).registerStatus,
  top: async () => (await import('./top.ts')).registerTop,
  events: async () => (await import('./events.ts')).registerEvents,
  logs: async () => (await import('./logs.ts')).registerLogs,
  requests: async () => (await import('./requests.ts')).registerRequests,
  cancel: async () => (await import('./requests.ts')).registerCancel,
  switch: async () => (await import('./switch.ts')).registerSwitch,
  start: async () => (await import('./start-stop.ts')).registerStart,
  stop: async () => (await import('./start-stop.ts')).registerStop,
  pin: async () => (await import('./pin.ts')).registerPin,
  unpin: async () => (await import('./pin.ts')).registerUnpin,
  chart: async () => (await import('./chart.ts')).registerChart,
  manifests: async () => (await import('./manifests.ts')).registerManifests,
  install: async () => (await import('./install.ts')).registerInstall,
  uninstall: async () => (await import('./uninstall.ts')).registerUninstall,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
  completion: async () => (await import('./completion.ts')).registerCompletion,
}

/** Their help shows the settings in groups. */
const takesSettings = new Set(['serve', 'config', 'manifests', 'install', 'uninstall', 'doctor'])

/** The command line with the command of that name, or with all of them. */
export async function createCommandLine(
  name: string | undefined,
  terminal: Terminal,
  onHelp: (sections: readonly Section[]) => void = () => undefined,
): Promise<CAC> {
  const cli = cac('vllm-chill')
  const group = await grouping(name)
  cli
    .help((sections) => {
      const shown = group(readable(sections))
      onHelp(shown)
      return shown
    })
    .version(version)
  cli.example('  $ vllm-chill serve --models ./models --idle-timeout 5m')
  cli.example('  $ vllm-chill status')
  cli.example('  $ vllm-chill switch qwen3-coder-30b-fp8')
  const wanted =
    name !== undefined && Object.hasOwn(commands, name) ? [name] : Object.keys(commands)
  for (const one of wanted) (await commands[one]?.())?.(cli, terminal)
  return cli
}

async function grouping(name: string | undefined): Promise<(sections: Section[]) => Section[]> {
  if (!takesSettings.has(name ?? '')) return (sections) => sections
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
