import type { Heartbeat } from '../events/records.ts'

/** What a router knows of one wave's guard. Ages are measured from receipt on the router's own monotonic clock. */
export interface Lease {
  readonly state: 'live' | 'lapsed'
  readonly lastBeatMonoMs: number | null
  /** After an observed lapse: since when beats have been steady. */
  readonly steadySinceMonoMs: number | null
  /** A lapse was observed after the lease had been live, so it comes back only after steady beats. */
  readonly recovering: boolean
}

/** Lapsed at boot until the first beat. */
export const initialLease: Lease = { state: 'lapsed', lastBeatMonoMs: null, steadySinceMonoMs: null, recovering: false }

/** How often a gate that sees says so. */
export const heartbeatMs = 1_000

/** A gate whose log has not moved for this long takes itself for blind and is silent. */
export const stallMaxMs = 15_000

/** How long beats must be steady before an observed lapse is forgiven. */
export const steadyMs = 30_000

/** Pure reducer: a beat renews, time lapses. `leaseMs` is the split's. */
export function lease(current: Lease, event: 'beat' | 'tick', monoMs: number, leaseMs: number): Lease {
  const expired = current.lastBeatMonoMs !== null && monoMs - current.lastBeatMonoMs > leaseMs
  const aged: Lease = expired
    ? {
        state: 'lapsed',
        lastBeatMonoMs: current.lastBeatMonoMs,
        steadySinceMonoMs: null,
        recovering: current.recovering || current.state === 'live',
      }
    : current
  if (event === 'tick') return aged
  const steadySinceMonoMs = aged.steadySinceMonoMs ?? monoMs
  const live = !aged.recovering || monoMs - steadySinceMonoMs >= steadyMs
  return {
    state: live ? 'live' : 'lapsed',
    lastBeatMonoMs: monoMs,
    steadySinceMonoMs,
    recovering: aged.recovering && !live,
  }
}

/** Whether a heartbeat guards this stage entry. */
export function arms(heartbeat: Heartbeat, run: string, wave: string, stageEntry: number): boolean {
  return heartbeat.armed.some((armed) => armed.run === run && armed.wave === wave && armed.stage_entry === stageEntry)
}
