import { StartError } from '../../../machines/index.ts'

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * What the output of a start says about its cause. Read line by line as they come: vLLM writes the
 * cause first and a hundred lines of tracebacks after it, so the last lines alone do not hold it.
 */
export class FailureSigns {
  /** The first line that says the GPU's memory did not suffice. */
  outOfMemory: string | undefined
  /** The last exception with a message of its own. */
  cause: string | undefined
  portTaken = false

  read(line: string): void {
    if (outOfMemory.test(line)) this.outOfMemory ??= line.trim()
    if (exception.test(line) && !pointsElsewhere.test(line)) this.cause = line.trim()
    if (portTaken.test(line)) this.portTaken = true
  }
}

/**
 * torch ("CUDA out of memory", "HIP out of memory", `torch.OutOfMemoryError`), the driver ("CUDA error:
 * out of memory") and vLLM's own checks at start-up, of free memory (of a GPU or, without one, of a node) and of the
 * room left for the cache.
 */
const outOfMemory =
  /\b(?:CUDA|HIP|XPU)\b.*out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|(?:Free memory on device|Available memory on node) .* is less than desired|No available memory for the cache blocks/i

/**
 * `ValueError: …`, `vllm.exceptions.SomeError: …`, behind whatever a log format puts before it; and what
 * pydantic writes below its own, which only counts the errors.
 */
const exception = /\b[A-Z]\w*(?:Error|Exception): \S|^\s+Value error, \S/

/** vLLM's front ends its own traceback with "Engine core initialization failed. See root cause above." */
const pointsElsewhere = /See root cause above/

/** Python's errno 98 (Linux) and 48 (macOS), Node's EADDRINUSE. */
const portTaken = /address already in use|EADDRINUSE/i

/** The exit in words: `exited with code 1`, `was killed by SIGKILL`. */
export function describeExit({ code, signal }: Exit): string {
  if (signal === 'SIGKILL') {
    return "was killed by SIGKILL (often the kernel's, for want of main memory)"
  }
  if (signal) return `was killed by ${signal}`
  return `exited with code ${code}`
}

/** A process that ended before it was ready. */
export function exitedWhileLoading(
  exit: Exit,
  signs: FailureSigns,
  log: readonly string[],
): StartError {
  const ended = `the process ${describeExit(exit)} before it was ready`
  if (signs.outOfMemory) {
    const message = `not enough GPU memory: ${ended}: ${signs.outOfMemory}`
    return new StartError({ reason: 'out_of_memory', message, log })
  }
  const said = signs.cause ?? log.at(-1)?.trim()
  const message = said === undefined ? `${ended}, and wrote nothing` : `${ended}: ${said}`
  return new StartError({ reason: 'exited', message, log })
}

/** The program cannot be run at all. */
export function commandNotFound(command: string, why: string): StartError {
  return new StartError({
    reason: 'command_not_found',
    message: `cannot run "${command}": ${why}. Install it (for vLLM: pip install vllm), or name another with --command`,
  })
}
