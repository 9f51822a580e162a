import { createCommandLine } from '../src/cli/commands.ts'
import { pipeTerminal } from '../src/cli/terminal.ts'

/** What `vllm-chill COMMAND --help` prints, without its first line, as a block of a page. */
export async function helpText(command = ''): Promise<string> {
  let help = ''
  const cli = await createCommandLine(command, pipeTerminal({}), (sections) => {
    help = sections
      .slice(1)
      .map(({ title, body }) => (title === undefined ? body : `${title}:\n${body}`))
      .join('\n\n')
  })
  // cac prints it there whatever it was told before.
  const { info } = console
  console.info = () => undefined
  try {
    cli.parse(['node', 'vllm-chill', command, '--help'], { run: false })
  } finally {
    console.info = info
  }
  return `\`\`\`text\n${help}\n\`\`\``
}
