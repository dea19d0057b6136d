import { describe, expect, it } from 'vitest'
import { onlyDeciding } from '../../services/domain/gate/sample-evidence.ts'
import { uniforms } from './draws.ts'
import { countRuns, expectAtMost, median } from './rates.ts'
import type { LegChange } from './traffic.ts'
import { planOf, VirtualRun } from './virtual-run.ts'

/** As in the demonstration: short legs, a budget of a second, ten requests a second, a tenth of them on the candidate. */
const plan = planOf({
  legTimeout: '3s',
  shadow: { startWithin: '1s' },
  metrics: { latency_over_budget: { budget: '1s' }, ttft_over_budget: { budget: '900ms' } },
})
const faults: Readonly<Record<string, LegChange>> = {
  errors: { resolution: 'failed', durationMs: 300 },
  latency: { durationMs: 1_500, ttftMs: 200 },
  refusals: { refused: true },
}

/** A sound canary of a minute, then 60 % of the candidate's requests have the fault: ms until the gate latches. */
function delayMs(seed: number, fault: LegChange): number {
  const uniform = uniforms(seed)
  const run = new VirtualRun(plan, 10_000)
  const live = (user: string, rate: number) => {
    const arm = uniform() < run.share ? 'candidate' : 'baseline'
    run.live(arm, user, uniform() < (arm === 'candidate' ? rate : 0.01) ? fault : {})
    run.wait(100)
  }
  for (let i = 0; i < 600; i += 1) live(`sound-${i}`, 0.01)
  expect(run.rollback()).toBeNull()
  const beganMs = run.nowMs
  for (let i = 0; i < 2_000 && run.rollback() === null; i += 1) live(`user-${i}`, 0.6)
  return (run.rollback()?.releaseMs ?? Number.POSITIVE_INFINITY) - beganMs
}

describe('the faults of the demonstration', () => {
  it.each(Object.entries(faults))('%s are latched within half a minute of arrivals and horizons', (name, fault) => {
    const delays = Array.from({ length: 21 }, (_, index) => delayMs(500 + index, fault))
    console.info(`${name}: median ${median(delays) / 1_000} s, slowest ${Math.max(...delays) / 1_000} s of 21 runs`)
    expect(median(delays)).toBeLessThanOrEqual(30_000)
    expect(Math.max(...delays)).toBeLessThan(Number.POSITIVE_INFINITY)
  })
})

const latencyAlone = planOf({ metrics: onlyDeciding({ latency_over_budget: {} }) })
const minuteMs = 60_000

/** Minutes until the p99 rule acts with 500 requests of the candidate a minute; +∞ when it does not within `minutes`. */
function minutesUntilP99(seed: number, exceedance: number, minutes: number): number {
  const uniform = uniforms(seed)
  const run = new VirtualRun(latencyAlone, 50_000)
  const began = run.nowMs
  const state = run.gate.harm.get('harm/latency_over_budget/live_ab/exceedance')
  for (let i = 0; i < minutes * 1_000 && state?.acted === null; i += 1) {
    const arm = uniform() < run.share ? 'candidate' : 'baseline'
    const slow = uniform() < (arm === 'candidate' ? exceedance : 0.005)
    run.live(arm, `user-${i}`, slow ? { durationMs: 45_000 } : {})
    run.wait(minuteMs / 1_000)
  }
  return state?.acted === null ? Number.POSITIVE_INFINITY : (run.nowMs - began) / minuteMs
}

describe('the p99 rule', () => {
  it('does not act at a true exceedance of 0.8 %, and acts at 2 %', () => {
    const fired = countRuns(20, (seed) => Number.isFinite(minutesUntilP99(seed, 0.008, 30)))
    expectAtMost(0.05, fired, 20, 'p99 rule at 0.8 %, half an hour')
    const found = Array.from({ length: 9 }, (_, index) => minutesUntilP99(900 + index, 0.02, 60))
    console.info(
      `p99 rule at 2 %: median ${median(found).toFixed(1)} min, slowest ${Math.max(...found).toFixed(1)} min`,
    )
    expect(median(found)).toBeLessThanOrEqual(20)
  })
})
