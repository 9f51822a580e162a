import { writeSync } from 'node:fs'
import { pino, type DestinationStream, type Logger } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { censor } from './censor.ts'
import { createGathering } from './gathering.ts'
import { isoTime } from './iso-time.ts'
import { createOutput } from './output.ts'

export type Log = Logger

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface LogOptions {
  level?: LogLevel
  /** `auto`: pretty on a terminal, one JSON object a line elsewhere. */
  format?: 'auto' | 'json' | 'pretty'
  /** Standard output unless given. */
  destination?: DestinationStream & { readonly isTTY?: boolean }
}

/**
 * The program's log. Secrets and contents are taken out of every object logged (see `censor.ts`);
 * levels are words and times ISO 8601, so that collectors need no mapping.
 */
export function createLog(options: LogOptions = {}): Log {
  const { level = 'info', format = 'auto' } = options
  // Node opens its standard output here, so that writing to a pipe says EAGAIN instead of blocking.
  const onTerminal = (options.destination ?? process.stdout).isTTY === true
  const people = format === 'pretty' || (format === 'auto' && onTerminal)
  const destination = options.destination
    ? writingTo(options.destination)
    : openOutput(onTerminal, (lines, why) => {
        log.warn({ lines, why }, `${lines} line(s) of this log could not be written: ${why}`)
      })
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${isoTime(Date.now())}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: censorObject,
      },
      // `censor` has already made plain data of errors; pino's own serializer would rename them.
      serializers: { err: (described: unknown) => described },
    },
    people ? forPeople(destination, onTerminal) : destination,
  )
  return censoringChildren(log)
}

/**
 * A line at level `info` that passes the censor by, for what is written with each request: `fields` is JSON
 * without its braces, of which somebody has seen to it that no secret and no content can be in it.
 */
export function logHarmless(log: Log, fields: string, message: string): void {
  if (!log.isLevelEnabled('info')) return
  const { [pino.symbols.streamSym]: stream } = log as unknown as Record<symbol, DestinationStream>
  const time = isoTime(Date.now())
  stream?.write(`{"level":"info","time":"${time}",${fields},"msg":${JSON.stringify(message)}}\n`)
}

interface Destination {
  /** A line of JSON, and what of it is written for people. */
  write(line: string, written?: string): void
}

const writingTo = (destination: DestinationStream): Destination => ({
  write: (line, written = line) => destination.write(written),
})

/** On a terminal, where other things are written too, each line comes at once and so in its place. */
function openOutput(
  onTerminal: boolean,
  onLost: (lines: number, why: string) => void,
): Destination {
  const output = createOutput({ write: (bytes) => writeSync(1, bytes), onLost })
  const gathering = createGathering(output)
  // Node comes by here after an uncaught error too.
  process.once('exit', () => {
    gathering.flush()
    output.flush()
  })
  return onTerminal ? writingTo(output) : gathering
}

// pino gives children a formatter of their own, so their bindings would pass uncensored. Grandchildren
// inherit this `child`.
function censoringChildren(log: Log): Log {
  type MakeChild = (this: Log, bindings: object, options?: object) => Log
  const make = Object.getPrototypeOf(log).child as MakeChild
  const child: MakeChild = function child(bindings, options) {
    return make.call(this, censorObject(bindings), options)
  }
  Object.defineProperty(log, 'child', { value: child })
  return log
}

/**
 * In this thread: a worker thread would be a second file beside the bundle, and it loses the last lines
 * of a crash.
 */
function forPeople(destination: Destination, colorize: boolean): DestinationStream {
  const format = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l', singleLine: true })
  return { write: (line) => destination.write(line, format(line) ?? '') }
}

function censorObject(fields: object): Record<string, unknown> {
  return censor(fields) as Record<string, unknown>
}
