import type { Catalogue } from '../catalogue/index.ts'
import { ChillError } from '../errors/index.ts'
import {
  cancelCommand,
  pinCommand,
  readCommand,
  startCommand,
  stopCommand,
  switchCommand,
} from './command-body.ts'
import type { CancelAnswer, CommandAnswer, FleetView } from './types.ts'

export interface Operated {
  readonly fleet: FleetView
  readonly catalogue: Catalogue
  /** Told of every command that is accepted, of every refusal, and of defects. */
  readonly log: {
    info(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}

export async function switchModel(request: Request, operated: Operated): Promise<CommandAnswer> {
  const { model_id: asked } = await readCommand(request, switchCommand)
  const model = servedName(asked, operated.catalogue)
  return accept(operated, { model }, `switching to ${model}`, () => operated.fleet.switchTo(model))
}

export async function start(request: Request, operated: Operated): Promise<CommandAnswer> {
  const command = named(await readCommand(request, startCommand), operated.catalogue)
  const message = `starting ${command.model ?? command.backend ?? 'all backends'}`
  return accept(operated, command, message, () => operated.fleet.start(command))
}

export async function stop(request: Request, operated: Operated): Promise<CommandAnswer> {
  const command = named(await readCommand(request, stopCommand), operated.catalogue)
  const whom = command.model ?? command.backend ?? 'all backends'
  const message = `stopping ${whom}${command.hold ? ' until started again' : ''}`
  return accept(operated, command, message, () => operated.fleet.stop(command))
}

export async function pin(request: Request, operated: Operated): Promise<CommandAnswer> {
  const { model: asked, pinned } = await readCommand(request, pinCommand)
  const model = servedName(asked, operated.catalogue)
  const message = pinned ? `pinning ${model}` : `unpinning ${model}`
  return accept(operated, { model }, message, () => operated.fleet.pin({ model, pinned }))
}

export async function cancel(request: Request, { fleet, log }: Operated): Promise<CancelAnswer> {
  const { id } = await readCommand(request, cancelCommand)
  const cancelled = fleet.cancel(id)
  log.info({ requestId: id, cancelled }, `an operator's command: cancelling request ${id}`)
  return { status: 'accepted', id, cancelled }
}

function named<T extends { model?: string | undefined }>(command: T, catalogue: Catalogue): T {
  const { model } = command
  return model === undefined ? command : { ...command, model: servedName(model, catalogue) }
}

function accept(
  { fleet, log }: Operated,
  names: { model?: string; backend?: string },
  message: string,
  command: () => void,
): CommandAnswer {
  if (fleet.shuttingDown) {
    throw new ChillError('shutting_down', 'vllm-chill is stopping and takes no commands.')
  }
  command()
  log.info(names, `an operator's command: ${message}`)
  return { status: 'accepted', message, ...names, backends: fleet.status() }
}

export function servedName(asked: string, catalogue: Catalogue): string {
  const model = catalogue.find(asked)
  if (model) return model.name
  const known = [...catalogue.models.keys()].join(', ') || 'none'
  throw new ChillError('model_not_found', `No model "${asked}". Known: ${known}.`)
}
