import { readFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener } from 'node:http'
import { resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import { toNodeHandler } from 'h3'
// Past the door, so that these types lead to no others: who only drives backends needs no XState.
import type { Driver } from '../../machines/driver.ts'
import { openFolderCatalogue } from '../catalogue/index.ts'
import { ConfigError, loadSettings, type Settings } from '../config/index.ts'
import { createLog } from '../telemetry/index.ts'
import { definitionsOf } from './serve/backends.ts'
import { assemble } from './serve/instance.ts'

export * from '../../machines/driver.ts'
export type * from '../../machines/types.ts'

export interface AppOptions {
  /** How backends are started, watched and stopped. */
  readonly driver: Driver
  /**
   * As in a configuration file, with the same names: `{ models: './models', idleTimeout: '10m' }`.
   * Only these count, no environment. `host` and `port` are for whoever listens.
   */
  readonly settings: Readonly<Record<string, unknown>>
  /** Where relative paths begin; the working directory unless given. */
  readonly directory?: string
}

/** A program that listens nowhere yet. */
export interface App {
  /** The clients' API and, below `/proxy`, the operators': `createServer(app.listener)`. */
  readonly listener: RequestListener
  /** For the server's `upgrade` event: WebSockets of the realtime API. */
  handleUpgrade(this: void, request: IncomingMessage, socket: Duplex, head: Buffer): void
  /**
   * Refuses new requests, lets those in flight run to their end, and then ends what `driver` runs where
   * it ends with the program. Close the server after it.
   */
  shutDown(): Promise<void>
  /** Cuts what is in flight, so that a shutdown that waits goes on at once. */
  hurry(): void
}

/**
 * The program as a part of another one: it serves the models of a folder on backends of your own kind.
 * @throws Error with `exitCode` and one line for each setting that is wrong
 */
export async function createApp(options: AppOptions): Promise<App> {
  const settings = settingsOf(options)
  if (settings.models === undefined)
    throw new ConfigError(['models: say where the VLLMModel manifests are'])
  const log = createLog({ level: settings.logLevel, format: settings.logFormat })
  const catalogue = await openFolderCatalogue({
    path: settings.models,
    defaults: settings,
    log: log.child({ room: 'catalogue' }),
  })
  const ground = {
    catalogue,
    driver: options.driver,
    backends: definitionsOf(settings, catalogue),
    close: () => catalogue.close(),
  }
  const { fleet, proxy, shutDown } = await assemble(ground, settings, log)
  return {
    listener: toNodeHandler(proxy.app),
    handleUpgrade: proxy.handleUpgrade,
    shutDown: () => shutDown(settings.shutdownDelayMs),
    hurry: () => fleet.hurry(),
  }
}

/** Through the one reader of settings, as if they stood in a file called `settings`. */
function settingsOf({ settings, directory: cwd = process.cwd() }: AppOptions): Settings {
  const file = resolve(cwd, 'settings')
  return loadSettings({
    flags: { config: 'settings' },
    env: {},
    cwd,
    readFile: (path) => (path === file ? JSON.stringify(settings) : readFileSync(path, 'utf8')),
  })
}
