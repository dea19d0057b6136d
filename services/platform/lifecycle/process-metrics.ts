import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics } from '../metrics/metrics.ts'
import type { HealthReport } from './health.ts'
import type { Timers } from './timers.ts'

const showEveryMs = 5_000
/** At the default of 10 ms an idle process did little else than to look how late it was. */
const resolutionMs = 50
const nsPerSecond = 1e9

/** What the process itself shows: how long its event loop was held up, its memory, whether it is live and ready. Returns what stops it. */
export function showProcess(metrics: Metrics, timers: Timers, report: () => HealthReport): () => void {
  const held = metrics.gauge('penstock_event_loop_held_seconds', 'Longest time that the event loop was held up lately')
  const memory = metrics.gauge('penstock_memory_bytes', 'Memory of the process, resident and of the heap in use', [
    'of',
  ])
  const live = metrics.gauge('penstock_live', '1 while /livez is 200')
  const ready = metrics.gauge('penstock_ready', '1 while /readyz is 200')
  const notes = metrics.gauge('penstock_notes', 'Notes of /readyz')
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  const show = () => {
    const { unlive, unready, notes: noted } = report()
    live.set(unlive.length === 0 ? 1 : 0)
    ready.set(unready.length === 0 ? 1 : 0)
    notes.set(noted.length)
    held.set(delay.max / nsPerSecond)
    delay.reset()
    const { rss, heapUsed } = process.memoryUsage()
    memory.set(rss, { of: 'resident' })
    memory.set(heapUsed, { of: 'heap' })
  }
  const stop = timers.every(showEveryMs, show)
  return () => {
    stop()
    delay.disable()
  }
}
