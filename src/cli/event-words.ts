import type { FactEvent, StreamEvent } from '../events/index.ts'
import { failureLines } from './backend-words.ts'
import { plain, type Paint } from './screen/index.ts'
import { inBytes, inWords } from './table.ts'

/** One event for people: a line, and more where it carries the last lines of a log. */
export function eventLines(event: StreamEvent, paint: Paint, now = new Date()): string[] {
  const { where, what, style } = inShort(event)
  const time = paint('quiet', timeOfDay(new Date(event.at), now))
  const [first = '', ...others] = what.map(plain)
  const line = `${plain(where).padEnd(8)}  ${first}`
  return [`${time}  ${style ? paint(style, line) : line}`, ...others.map((one) => `  ${one}`)]
}

/** In the time zone of who reads; with the date when it was another day. */
function timeOfDay(at: Date, now: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  if (at.toDateString() === now.toDateString()) return time
  return `${[at.getFullYear(), at.getMonth() + 1, at.getDate()].map(two).join('-')} ${time}`
}

interface InShort {
  /** A backend, where it is about one. */
  readonly where: string
  readonly what: readonly string[]
  readonly style?: Parameters<Paint>[0]
}

const itself = 'program'

function inShort(event: StreamEvent): InShort {
  switch (event.type) {
    case 'hello':
      return { where: itself, what: [`vllm-chill ${event.version}, started at ${event.startedAt}`] }
    case 'goodbye':
      return { where: itself, what: ['shuts down'], style: 'busy' }
    case 'models':
      return {
        where: itself,
        what: [
          `models: ${event.models.join(', ') || 'none'}`,
          ...event.problems.map(({ source, message }) => `${source}: ${message}`),
        ],
      }
    case 'snapshot': {
      const { name, state, model = '-', leases } = event.backend
      return { where: name, what: [`${state}, ${model}, ${leases} in flight`], style: 'quiet' }
    }
    case 'transition': {
      const { backend, from, to, because, model, target, afterMs } = event
      const models = [model, target].filter(
        (name, index, all) => name && all.indexOf(name) === index,
      )
      const named = models.length > 0 ? ` [${models.join(' → ')}]` : ''
      const what = `${from} → ${to}${named} after ${inWords(afterMs)}: ${because}`
      return { where: backend, what: [what], style: 'heading' }
    }
    case 'progress': {
      const { backend, model, phase, detail, elapsedMs, usualMs } = event
      const usual = usualMs === undefined ? '' : ` of ~${inWords(usualMs)}`
      const more = detail === undefined ? '' : `, ${detail}`
      return { where: backend, what: [`${model}: ${phase} ${inWords(elapsedMs)}${usual}${more}`] }
    }
    case 'fact':
      return { where: event.fact.backend, ...factInShort(event.fact) }
    case 'admitted': {
      const { backend, id, model, path, waitedMs } = event
      const what = `${id} has its turn after ${inWords(waitedMs)} (${path}, ${model})`
      return { where: backend, what: [what] }
    }
    case 'refused': {
      const { id, model = '-', path, code, status, waitedMs } = event
      const what = `${id} refused: ${status} ${code} after ${inWords(waitedMs)} (${path}, ${model})`
      return { where: '-', what: [what], style: 'bad' }
    }
    case 'finished': {
      const { backend = '-', id, model = '-', path, status, waitedMs, durationMs, code } = event
      const outcome = code === undefined ? String(status) : `${status} ${code}`
      const waited = waitedMs > 0 ? `, ${inWords(waitedMs)} of it waiting` : ''
      const took = `${inBytes(event.responseBytes)} in ${inWords(durationMs)}${waited}`
      return { where: backend, what: [`${id} ${outcome}, ${took} (${path}, ${model})`] }
    }
    default:
      // Of a newer instance.
      return { where: '-', what: [JSON.stringify(event)] }
  }
}

function factInShort(fact: FactEvent['fact']): Omit<InShort, 'where'> {
  switch (fact.type) {
    case 'ready':
      return { what: [`${fact.model} is ready after ${inWords(fact.loadMs)}`], style: 'good' }
    case 'start failed':
      return { what: failureLines(fact.failure), style: 'bad' }
    case 'models refused':
      return { what: [`cannot serve ${fact.models.join(', ')}`], style: 'bad' }
    case 'replica lost':
      return { what: [`${fact.model} was lost: ${fact.message}`], style: 'bad' }
    case 'drain overdue': {
      const then = fact.cut ? 'what is in flight is cut' : 'it goes on waiting'
      return { what: [`the drain of ${fact.model} is overdue; ${then}`], style: 'bad' }
    }
    case 'unload overdue':
      return { what: [`${fact.model} does not go away; it is tried again`], style: 'bad' }
    case 'cold':
      return { what: ['the GPU is free'] }
    case 'held':
      return { what: ['stays down until `vllm-chill start`'], style: 'busy' }
    default:
      return { what: [JSON.stringify(fact)] }
  }
}
