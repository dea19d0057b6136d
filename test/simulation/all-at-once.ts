import { autoregression, type Draw, normal } from './draws.ts'
import { failed, type World } from './null-worlds.ts'
import type { LegChange, Traffic } from './traffic.ts'

const exchanges = 2_000
const stages: Readonly<Record<number, number>> = { 650: 10_000, 1300: 50_000 }

/** What both arms share at one moment: the swing of the day and a state of latency. */
interface Moment {
  readonly swing: number
  readonly slowness: number
}

/**
 * Everything at once: sessions of several pairs, sticky tenants with rates of their own beside one at 100 % and one at 0 %, shares of 1, 10 and 50 %, a
 * daily swing, late and fail-fast candidates, corrections, an oversampled segment, skewed lengths, autocorrelated latency and restarts.
 */
export const allAtOnce: World = (uniform, traffic) => {
  for (let i = 0; i < 200; i += 1) {
    traffic.pair('aa', `noise-${i}`, length(uniform), length(uniform))
    traffic.wait(1_000)
  }
  const tenants = Array.from({ length: 500 }, () => ({
    rate: Math.min(0.5, 0.02 * Math.exp(normal(uniform) - 0.5)),
    place: uniform(),
  }))
  const step = autoregression(uniform, 0.9, 0.3)
  let slowness = 0
  for (let i = 0; i < exchanges; i += 1) {
    const next = stages[i]
    if (next !== undefined) traffic.enterStage(next)
    if (i % 20 === 0) {
      slowness = step()
      traffic.look()
    }
    const moment = { swing: 1 - 0.8 * Math.sin((2 * Math.PI * i) / exchanges), slowness }
    const tenant = Math.floor(uniform() * tenants.length)
    const { rate, place } = tenants[tenant] ?? { rate: 0, place: 0 }
    live(uniform, traffic, { i, tenant, rate, place }, moment)
    if (i % 2 === 0) pair(uniform, traffic, i, moment)
    traffic.wait(36_000)
    if (i % 500 === 499) traffic.restart()
  }
}

function length(uniform: Draw): LegChange {
  return { lengthChars: 400 * Math.exp(1.5 * normal(uniform)) }
}

function leg(uniform: Draw, { swing, slowness }: Moment, errors: number, arm: 'baseline' | 'candidate'): LegChange {
  if (uniform() < errors * swing) return arm === 'candidate' ? failed : { resolution: 'timed_out', durationMs: 60_000 }
  const tookMs = 30_000 * Math.exp(slowness + 0.5 * normal(uniform) - 2.409 * Math.hypot(0.3, 0.5))
  return { refused: uniform() < 0.04 * swing, durationMs: Math.min(tookMs, 59_000), ttftMs: 300 }
}

function live(
  uniform: Draw,
  traffic: Traffic,
  { i, tenant, rate, place }: { i: number; tenant: number; rate: number; place: number },
  moment: Moment,
): void {
  const who = uniform()
  if (who < 0.1) {
    const own = { rule: 'tenant-all', candidate_weight: 100_000 }
    traffic.live('candidate', `whole-${i}`, leg(uniform, moment, 0.04, 'candidate'), own)
  } else if (who < 0.2) {
    const own = { rule: 'tenant-none', candidate_weight: 0 }
    traffic.live('baseline', `none-${i}`, leg(uniform, moment, 0.01, 'baseline'), own)
  } else {
    const arm = place < traffic.share ? 'candidate' : 'baseline'
    traffic.live(arm, `tenant-${tenant}`, leg(uniform, moment, rate, arm))
  }
}

/** Two pairs in a row are of one session; in the segment, sampled whole, the candidate is longer, elsewhere shorter. */
function pair(uniform: Draw, traffic: Traffic, i: number, moment: Moment): void {
  const isEnterprise = uniform() < 0.08
  const inclusionP = isEnterprise ? 1 : 0.5
  if (uniform() >= inclusionP) return
  const baseline = { ...leg(uniform, moment, 0.02, 'baseline'), ...length(uniform) }
  const candidate = {
    ...leg(uniform, moment, 0.02, 'candidate'),
    lengthChars: 400 * Math.exp(1.125 + 0.2 * normal(uniform) - 0.02),
  }
  const options = { segments: { tier: isEnterprise ? 'enterprise' : 'free' }, inclusionP }
  const unit = `session-${Math.floor(i / 4)}`
  traffic.pair('content_ab', unit, baseline, candidate, options)
  const first = { baseline, candidate: failed, late: i % 800 === 0 }
  traffic.pair('shadow_ab', unit, baseline, candidate, uniform() < 0.1 ? { ...options, first } : options)
}
