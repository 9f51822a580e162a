export type Source = 'APIServer' | 'EngineCore'

/** Where the log lines go; `run.ts` gives stderr, in-process use gives nothing. */
export type LogSink = (line: string) => void

/** A line as vLLM writes it: `(APIServer pid=7) INFO 11-24 06:15:00 [launcher.py:37] …`. */
export function vllmLine(
  source: Source,
  level: 'INFO' | 'WARNING' | 'ERROR',
  place: string,
  message: string,
): string {
  const now = new Date()
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${two(now.getMonth() + 1)}-${two(now.getDate())}`
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`
  return `(${source} pid=${process.pid}) ${level} ${date} ${time} [${place}] ${message}`
}

/** A Python traceback whose last line says what happened, as whoever reads the log looks for. */
export function traceback(lastLine: string): string[] {
  return [
    'Traceback (most recent call last):',
    '  File "vllm/v1/engine/core.py", line 904, in run_engine_core',
    '    engine_core = EngineCoreProc(*args, engine_index=dp_rank, **kwargs)',
    '  File "vllm/v1/worker/gpu_model_runner.py", line 3472, in load_model',
    '    self.model = model_loader.load_model(',
    lastLine,
  ]
}
