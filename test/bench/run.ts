import { execFile } from 'node:child_process'

/** Runs a command to its end and gives its stdout; the error of one that fails shows what it said. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { ...options, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-20).join('\n')
      reject(new Error(`\`${[command, ...args].join(' ')}\` failed\n${said}`))
    })
  })
}
