import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const commandLine = fileURLToPath(new URL('../../../src/cli/vllm-chill.ts', import.meta.url))

/** What an image of vLLM starts when the pod names no command. */
export const entrypoint = ['vllm', 'serve']

/** Variable that tells the programs below where they may listen. */
export const podAddressVariable = 'SIMULATED_POD_IP'

/**
 * Programs that a container finds in its PATH: vLLM, which is simulated, and this very program. Because they are found there, a container's command
 * runs as it is, shell scripts included; the pod's own address comes last, so that it wins over the
 * 0.0.0.0 of a pod, which here would be shared by all.
 */
export async function writePrograms(folder: string): Promise<void> {
  const simulate = [process.execPath, commandLine, 'simulate'].map(quote).join(' ')
  await mkdir(folder, { recursive: true })
  await program(join(folder, 'vllm'), `exec ${simulate} "$@" --host "$${podAddressVariable}"`)
  const chill = [process.execPath, commandLine].map(quote).join(' ')
  await program(
    join(folder, 'vllm-chill'),
    `[ "$1" = serve ] && set -- "$@" --host "$${podAddressVariable}"
exec ${chill} "$@"`,
  )
  await program(
    join(folder, 'python3'),
    `[ "$1 $2" = "-m vllm.entrypoints.openai.api_server" ] || exit 127
shift 2
exec vllm serve "$@"`,
  )
}

const program = (file: string, body: string) =>
  writeFile(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 })

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
