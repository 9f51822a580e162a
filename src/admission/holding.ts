import type { Clock } from './clock.ts'
import type { Gate } from './gate.ts'
import type { Progress } from './progress.ts'
import { modelLoading, queueFull } from './refusals.ts'
import type { Movable } from './routing.ts'
import type { AdmissionSettings } from './settings.ts'
import type { AdmissionRequest, Lease } from './types.ts'

export interface HoldingOptions {
  readonly gates: ReadonlyMap<string, Gate>
  readonly progress: Progress
  readonly settings: AdmissionSettings
  readonly clock: Clock
  /** ms that a start of the model may take. */
  readonly startTimeoutMs: (model: string) => number
  readonly onAdmitted: (lease: Lease) => void
}

/** Holds requests in gates within the bounds on number, bytes and time; each ends exactly once. */
export function createHolding({
  gates,
  progress,
  settings,
  clock,
  startTimeoutMs,
  onAdmitted,
}: HoldingOptions) {
  /** In all gates; stand-ins of `hold: false` are not counted. */
  let held = 0
  let heldBytes = 0

  function waitDeadlineMs(model: string): number {
    const { waitDeadlineMs, drainDeadlineMs, maxWaitMs } = settings
    return waitDeadlineMs ?? startTimeoutMs(model) + drainDeadlineMs + maxWaitMs
  }

  function assertRoom({ model, bytes }: AdmissionRequest): void {
    let ofModel = 0
    for (const gate of gates.values()) ofModel += gate.waitingFor(model)
    const full = whatIsFull(model, ofModel, bytes)
    if (full !== undefined) throw queueFull(full, progress.secondsUntilReady(model))
  }

  function whatIsFull(model: string, ofModel: number, bytes: number): string | undefined {
    const { maxHeldPerModel, maxHeld, maxHeldBytes } = settings
    if (ofModel >= maxHeldPerModel)
      return `${ofModel} requests for model ${model} (maxHeldPerModel)`
    if (held >= maxHeld) return `${held} requests (maxHeld)`
    if (heldBytes + bytes > maxHeldBytes) return `${heldBytes} bytes of requests (maxHeldBytes)`
    return undefined
  }

  function hold(request: AdmissionRequest, gate: Gate, signal: AbortSignal): Promise<Lease> {
    assertRoom(request)
    return new Promise((resolve, reject) => {
      held++
      heldBytes += request.bytes
      const dispose = () => {
        held--
        heldBytes -= request.bytes
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', leave)
      }
      const waiter: Movable = {
        request,
        gate,
        grant: (lease) => {
          dispose()
          onAdmitted(lease)
          resolve(lease)
        },
        refuse: (error) => {
          dispose()
          reject(error)
        },
      }
      const leave = () => {
        if (!waiter.gate.leave(waiter)) return
        dispose()
        reject(signal.reason as Error)
      }
      const deadlineMs = waitDeadlineMs(request.model)
      const expire = () => {
        const { state } = progress.of(request.model)
        const seconds = progress.secondsUntilReady(request.model)
        if (!waiter.gate.leave(waiter)) return
        const why = `the wait deadline of ${Math.round(deadlineMs / 1_000)} s is over (backend: ${state})`
        waiter.refuse(modelLoading(request.model, why, seconds))
      }
      const timer = clock.setTimeout(
        expire,
        Math.max(0, request.arrivedAt + deadlineMs - clock.now()),
      )
      signal.addEventListener('abort', leave, { once: true })
      gate.enqueue(waiter)
    })
  }

  /** With holding off nobody waits, so one stand-in per model asks for the load, until it is there. */
  function awaken(request: AdmissionRequest, gate: Gate): void {
    if (gate.waitingFor(request.model) > 0) return
    const standIn: Movable = {
      request: { ...request, bytes: 0, arrivedAt: clock.now() },
      gate,
      grant: (lease) => lease.release(),
      refuse: () => {},
    }
    gate.enqueue(standIn)
  }

  return { hold, awaken, counts: () => ({ waiting: held, waitingBytes: heldBytes }) }
}
