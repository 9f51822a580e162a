import type { CAC } from 'cac'
import { loadSettings } from '../config/index.ts'
import { optionText } from './command-line.ts'
import { CommandFailed } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** Whoever asks, such as Docker, asks again soon. */
const answerTimeoutMs = 4_000

/**
 * `vllm-chill health`: one question to the program that runs beside it, for checks in a container that has
 * neither shell nor curl. The exit code is the answer.
 */
export function registerHealth(cli: CAC, terminal: Terminal): void {
  cli
    .command('health', 'Ask the vllm-chill of this container whether it is alive')
    .option('--ready', 'Ask whether it takes requests, which it does not while it shuts down')
    .option(
      '--url <url>',
      'Where it listens (env VLLM_CHILL_URL; else where environment and file say that `serve` does)',
    )
    .example('  $ vllm-chill health && echo alive')
    .action(async ({ ready }: { ready?: boolean }) => {
      const base = optionText(cli, '--url') ?? (terminal.env['VLLM_CHILL_URL'] || ownUrl(terminal))
      const path = ready === true ? '/readyz' : '/health'
      terminal.print(await answerOf(base.replace(/\/+$/, '') + path))
    })
}

function ownUrl({ env }: Terminal): string {
  const { host, port } = loadSettings({ env })
  const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

async function answerOf(url: string): Promise<string> {
  let response: Response
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs) })
  } catch (error) {
    const { cause, message } = error as Error
    throw new CommandFailed(
      `${url} does not answer: ${(cause as Error | undefined)?.message ?? message}`,
    )
  }
  const { status } = (await response.json().catch(() => ({}))) as { status?: string }
  if (!response.ok) throw new CommandFailed(`${url}: ${status ?? `HTTP ${response.status}`}`)
  return status ?? 'ok'
}
