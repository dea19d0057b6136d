import type { Clock } from '../../domain/time/clock.ts'

/**
 * The broker's time as seen from here, without trusting this host's clock: the smallest difference between the monotonic clock and an append time
 * belongs to a record that was read almost at once, and every later moment is counted from it.
 */
export interface BrokerTime {
  observe(appendMs: number): void
  /** Now by the broker's clock, at most late by the fastest read so far; the host's own time until a record was seen. */
  nowMs(): number
}

export function createBrokerTime(clock: Clock): BrokerTime {
  let smallest: number | null = null
  return {
    observe(appendMs) {
      const difference = clock.monoMs() - appendMs
      if (smallest === null || difference < smallest) smallest = difference
    },
    nowMs: () => (smallest === null ? clock.nowMs() : clock.monoMs() - smallest),
  }
}
