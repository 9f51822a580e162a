import { execFile } from 'node:child_process'

export type Say = (line: string) => void

export interface RunOptions {
  readonly cwd?: string
  /** The whole environment; by default this process's. */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Runs a command to its end and gives its stdout; when it fails, the error shows how its output
 * ended, which is where compilers and apt say what was wrong.
 */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { ...options, maxBuffer: 256 * 2 ** 20 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-30).join('\n')
      reject(
        new Error(
          `\`${[command, ...args].join(' ')}\` failed (${error.code ?? error.signal})\n${tail}`,
        ),
      )
    })
  })
}
