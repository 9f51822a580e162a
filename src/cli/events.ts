import type { CAC } from 'cac'
import { optionText, wholeNumber } from './command-line.ts'
import { followEvents, pastEvents, type Lost, type ToldEvent } from './event-stream.ts'
import { eventLines } from './event-words.ts'
import { runningInstance, withInstanceOptions } from './running-instance.ts'
import { paintFor } from './screen/index.ts'
import type { Terminal } from './terminal.ts'

/** Enough to see what led to where it is. */
const usualLast = 20
/** Without `--types`, people are not told the whole status again and again. */
const forPeople = [
  'transition',
  'progress',
  'fact',
  'admitted',
  'refused',
  'finished',
  'models',
  'goodbye',
]

export function registerEvents(cli: CAC, terminal: Terminal): void {
  withInstanceOptions(cli.command('events', 'Tell what has happened, and what happens'))
    .option('--follow', 'Go on telling, until Ctrl-C, also when vllm-chill starts again')
    .option('--last <number>', `Begin with so many of the last events (default: ${usualLast})`)
    .option('--types <list>', `Only these: ${forPeople.join(', ')}, snapshot`)
    .example('  $ vllm-chill events --follow')
    .example('  $ vllm-chill events --types transition,fact --last 100')
    .example('  $ vllm-chill events --follow --json | jq .')
    .action(async ({ json, follow }: { json?: boolean; follow?: boolean }) => {
      const instance = runningInstance(cli, terminal.env)
      const asked = optionText(cli, '--types')?.split(',').filter(Boolean)
      const types = asked ?? (json ? undefined : forPeople)
      const wanted = { last: wholeNumber(cli, '--last') ?? usualLast, types }
      const tell = teller(terminal, json === true)
      if (!follow) {
        for await (const event of pastEvents(instance, wanted)) tell(event)
        return 0
      }
      const signal = terminal.interruption()
      for await (const event of followEvents(instance, wanted, signal, terminal)) tell(event)
      return Number(signal.reason)
    })
}

function teller(terminal: Terminal, json: boolean): (event: ToldEvent | Lost) => void {
  const paint = paintFor(terminal)
  let greetings = 0
  return (event) => {
    if (event.type === 'lost') return terminal.say(`vllm-chill: ${event.why} Trying again.\n`)
    if (event.type === 'hello') {
      if (event.missed) terminal.say('vllm-chill: some events in between are not known any more.\n')
      // The first says nothing that has happened.
      if (greetings++ === 0 && !json) return
    }
    terminal.print(json ? JSON.stringify(event) : eventLines(event, paint).join('\n'))
  }
}
