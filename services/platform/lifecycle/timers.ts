import { setTimeout as delay } from 'node:timers/promises'

/** What services do later and again: an argument, like the clock, so that a test can let an hour pass in a second. */
export interface Timers {
  /** Calls `act` each `periodMs` until the returned function is called. */
  every(periodMs: number, act: () => void): () => void
  /** Resolves after `ms`; rejects when the signal aborts before that. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const systemTimers: Timers = {
  every(periodMs, act) {
    const timer = setInterval(act, periodMs)
    return () => clearInterval(timer)
  },
  wait: (ms, signal) => delay(ms, undefined, { signal }),
}
