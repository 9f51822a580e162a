import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Instruments } from './instruments.ts'

/** Pause between two looks at the event loop's delay, ms; it is a part of each delay that is measured. */
const resolutionMs = 20
const nsPerMs = 1_000_000

/** What a scrape sees of the process itself. */
export function createProgramMetrics(into: Instruments) {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  into.process_start_time_seconds.set(Math.round(performance.timeOrigin) / 1_000)
  const lag = (ns: number) =>
    Number.isNaN(ns) ? 0 : Math.max(0, ns / nsPerMs - resolutionMs) / 1_000

  return {
    tell(): void {
      const { count } = delay
      const values = {
        p50: count === 0 ? 0 : lag(delay.percentile(50)),
        p99: count === 0 ? 0 : lag(delay.percentile(99)),
        max: count === 0 ? 0 : lag(delay.max),
      }
      delay.reset()
      for (const [statistic, seconds] of Object.entries(values)) {
        into.vllm_chill_event_loop_lag_seconds.set({ statistic }, seconds)
      }
      const { user, system } = process.cpuUsage()
      into.process_cpu_seconds_total.reset()
      into.process_cpu_seconds_total.inc((user + system) / 1_000_000)
      into.process_resident_memory_bytes.set(process.memoryUsage.rss())
    },
    close: (): void => {
      delay.disable()
    },
  }
}
