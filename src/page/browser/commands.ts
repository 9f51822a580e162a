import { command, Refused } from './api.ts'
import { refreshModels } from './connection.ts'
import { backends } from './fleet.ts'
import { say } from './notices.tsx'
import { ask } from './question.tsx'
import type { Backend, InFlight, Model, WaitingRequest } from './wire.ts'
import { counted, isUp } from './words.ts'

/** What the buttons do. Whatever takes something away from somebody asks first and says from whom. */

export async function load(model: string): Promise<void> {
  await give('operations/start', { model })
}

export async function switchTo(model: string, from: Backend | undefined): Promise<void> {
  const says = [
    from?.model === undefined
      ? `${model} takes the place of what is loaded.`
      : `${from.model} on ${from.name} is unloaded and ${model} takes its place.`,
    ...whatIsInTheWay(from),
  ]
  if (!(await ask({ title: `Switch to ${model}?`, says, yes: 'Switch' }))) return
  await give('models/switch', { model_id: model })
}

export async function unloadModel(model: string): Promise<void> {
  const places = backends.value.filter((backend) => backend.model === model && isUp(backend.state))
  const says = [
    `The GPU is given back. The next request for ${model} loads it again and waits for that.`,
    ...places.flatMap(whatIsInTheWay),
  ]
  if (!(await ask({ title: `Unload ${model}?`, says, yes: 'Unload' }))) return
  await give('operations/stop', { model })
}

export async function holdDown(backend: Backend): Promise<void> {
  const says = [
    `${backend.name} stays down until somebody starts it again, whoever asks for its models.`,
    ...(isUp(backend.state) && backend.model !== undefined
      ? [`${backend.model} is unloaded.`]
      : []),
    ...whatIsInTheWay(backend),
  ]
  if (!(await ask({ title: `Hold ${backend.name} down?`, says, yes: 'Hold down' }))) return
  await give('operations/stop', { backend: backend.name, hold: true })
}

export async function release(backend: Backend): Promise<void> {
  await give('operations/start', { backend: backend.name })
}

export async function pin({ name, pinned = false }: Model): Promise<void> {
  await give('models/pin', { model: name, pinned: !pinned })
  refreshModels()
}

export async function cutRequest({ id, model, path }: InFlight): Promise<void> {
  const says = [
    `${path} for ${model} is being answered. Its client gets what it has so far, and an error.`,
  ]
  if (!(await ask({ title: 'Cut this request?', says, yes: 'Cut it' }))) return
  await give('requests/cancel', { id })
}

export async function refuseRequest({ id, model, path }: WaitingRequest): Promise<void> {
  const says = [`${path} waits for ${model}. Its client gets an error.`]
  if (!(await ask({ title: 'Refuse this request?', says, yes: 'Refuse it' }))) return
  await give('requests/cancel', { id })
}

function whatIsInTheWay(backend: Backend | undefined): string[] {
  if (!backend) return []
  const { leases, waiting } = backend
  const here = waiting.find(({ model }) => model === backend.model)?.count ?? 0
  return [
    leases > 0
      ? `${counted(leases, 'request')} in flight on ${backend.name} ${leases === 1 ? 'is' : 'are'} finished first, unless drainDeadlineAction is “cut”.`
      : `No request is in flight on ${backend.name}.`,
    ...(here > 0
      ? [`${counted(here, 'request')} for ${backend.model} still ${here === 1 ? 'waits' : 'wait'}.`]
      : []),
  ]
}

async function give(path: string, body: object): Promise<void> {
  try {
    const { message } = await command(path, body)
    say(message === undefined ? 'Accepted.' : `Accepted: ${message}.`)
  } catch (error) {
    say(error instanceof Refused ? error.message : 'vllm-chill does not answer.', true)
  }
}
