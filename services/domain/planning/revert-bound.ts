import type { AnalysisPlan } from '../gate/plan.ts'
import type { RolloutSpec } from '../rollout/spec.ts'
import { heartbeatMs, stallMaxMs } from '../routing/lease.ts'

/** How long the candidate may go on after the request that proves harm, in ms, at most and with a stream that keeps up. */
export interface RevertBound {
  /** The slowest outcome that may roll back, by the metric that has it: wait for a shadow leg's start, horizon, grace, and one heartbeat of slack. */
  readonly metric: string
  readonly startDelayMs: number
  readonly horizonMs: number
  readonly graceMs: number
  readonly heartbeatMs: number
  readonly seenMs: number
  /** When no gate sees: the time until it knows, and the lease that then lapses; null when a canary stage says `onLapse: hold`, which has no bound. */
  readonly blindMs: number | null
  readonly worstMs: number | null
}

/**
 * The longest wait before an outcome may enter its test (start delay + horizon + grace after the request's arrival) over all tests that may roll back,
 * and the lease for the case that the gate is gone. Routers read a latch from the log as it comes: what that takes is measured, not planned.
 */
export function revertBound(spec: RolloutSpec, plan: AnalysisPlan): RevertBound {
  const waits = plan.harm
    .filter((test) => test.onBreach === 'rollback')
    .map((test) => ({
      metric: test.metric,
      startDelayMs: test.comparison === 'live_ab' ? 0 : plan.shadowStartDelayMs,
      horizonMs: plan.metrics.find(({ name }) => name === test.metric)?.horizonMs ?? plan.legTimeoutMs,
    }))
  const slowest = waits.reduce(
    (worst, wait) => (wait.startDelayMs + wait.horizonMs > worst.startDelayMs + worst.horizonMs ? wait : worst),
    { metric: '', startDelayMs: 0, horizonMs: 0 },
  )
  const seenMs = slowest.startDelayMs + slowest.horizonMs + plan.graceMs + heartbeatMs
  const holds = spec.waves.some(({ stages }) =>
    stages.some((stage) => stage.candidateWeight > 0 && stage.onLapse === 'hold'),
  )
  const blindMs = holds ? null : stallMaxMs + spec.leaseMs
  const worstMs = blindMs === null ? null : Math.max(seenMs, blindMs)
  return { ...slowest, graceMs: plan.graceMs, heartbeatMs, seenMs, blindMs, worstMs }
}
