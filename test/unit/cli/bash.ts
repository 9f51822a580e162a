import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const entry = join(root, 'src/cli/vllm-chill.ts')
const prompt = 'ready> '

/** Answers what a shell asks for; anything else it only repeats, an argument a line. */
const program = `#!/bin/sh
if [ "$1" = complete ]; then exec '${process.execPath}' '${entry}' "$@"; fi
printf 'ran<%s>\\n' "$@"
`

export interface Bash {
  /** Types and presses Enter; what vllm-chill was then started with. */
  enter(text: string): Promise<string[]>
  /** Types, waits until that has been answered, and makes a comment of the line. */
  abandon(text: string): Promise<void>
}

/** A bash on a terminal of its own, with the completion of vllm-chill, until the test is over. */
export async function startBash(environment: Readonly<Record<string, string>>): Promise<Bash> {
  const folder = await mkdtemp(join(tmpdir(), 'chill-bash-'))
  await writeFile(join(folder, 'vllm-chill'), program)
  await chmod(join(folder, 'vllm-chill'), 0o755)
  const settings = ['set bell-style none', 'set enable-bracketed-paste off']
  await writeFile(join(folder, 'inputrc'), `${settings.join('\n')}\n`)
  // So wide that no line is ever wrapped, and shown anew for it.
  const start = 'stty cols 1000 && exec bash --norc --noprofile -i'
  const child = spawn('script', ['-qec', start, '/dev/null'], {
    cwd: root,
    env: {
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      INPUTRC: join(folder, 'inputrc'),
      TERM: 'dumb',
      PS1: prompt,
      NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node-compile'),
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  onTestFinished(async () => {
    child.kill()
    await rm(folder, { recursive: true })
  })
  let text = ''
  let look = () => {}
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    look()
  })
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      look = () => {
        if (holds()) resolve()
      }
      look()
    })
  // An edited line may be shown again, with the prompt before it.
  const prompts = () => text.split(`\n${prompt}`).length + Number(text.startsWith(prompt)) - 1
  const enter = async (line: string) => {
    const before = prompts()
    const start = text.length
    child.stdin.write(`${line}\r`)
    await until(() => prompts() > before)
    const answer = text.slice(start).split('\r\n').slice(1).join('\r\n')
    return Array.from(answer.matchAll(/^ran<(.*)>\r?$/gm), ([, word = '']) => word)
  }
  await until(() => prompts() > 0)
  await enter(`source <('${process.execPath}' '${entry}' completion bash)`)
  return {
    enter,
    abandon: async (line) => {
      // To its begin, where a `#` makes it a comment.
      await enter(`${line}\u0001#`)
    },
  }
}
