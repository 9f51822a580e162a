import type { CAC } from 'cac'
import { registerSettings, settingsFromFlags } from '../config/index.ts'
import { installationFlags } from '../installation/index.ts'

type Command = ReturnType<CAC['command']>

/** Gives a command the flags of an installation, and those of all settings. */
export function withInstallationFlags(command: Command): Command {
  for (const { flag, meaning } of Object.values(installationFlags)) command.option(flag, meaning)
  return registerSettings(command)
}

/** What was given: settings and flags of the command itself, the latter by their names in camel case. */
export function installationWords(
  options: Readonly<Record<string, unknown>>,
  argv: readonly string[],
  besides: readonly string[] = [],
): { flags: Record<string, unknown>; own: Record<string, unknown> } {
  const names = [...Object.keys(installationFlags), 'kubeVersion', ...besides]
  return {
    flags: settingsFromFlags(options, names, argv),
    own: Object.fromEntries(names.map((name) => [name, options[name]])),
  }
}
