import type { Clock } from '../../domain/time/clock.ts'

/**
 * The broker's time as seen from here, without trusting this host's clock: the smallest difference between the monotonic clock and an append time
 * belongs to a record that was read almost at once, and every later moment is counted from it. Clocks drift and are set, so only the last minutes count.
 */
export interface BrokerTime {
  observe(appendMs: number): void
  /** Now by the broker's clock, at most late by the fastest read of the last minutes; the host's own time until a record was seen. */
  nowMs(): number
}

/** A difference is forgotten after one to two of these, if records still come. */
const windowMs = 5 * 60_000

export function createBrokerTime(clock: Clock): BrokerTime {
  let before: number | null = null
  let present: number | null = null
  let sinceMonoMs = 0
  return {
    observe(appendMs) {
      const monoMs = clock.monoMs()
      if (present !== null && monoMs - sinceMonoMs >= windowMs) {
        before = present
        present = null
      }
      if (present === null) sinceMonoMs = monoMs
      present = Math.min(present ?? Number.POSITIVE_INFINITY, monoMs - appendMs)
    },
    nowMs: () =>
      present === null ? clock.nowMs() : clock.monoMs() - Math.min(present, before ?? Number.POSITIVE_INFINITY),
  }
}
