import { autoregression, type Draw, normal } from './draws.ts'
import tauBench from './tau-bench-airline.json' with { type: 'json' }
import type { LegChange, Traffic } from './traffic.ts'

/** A world in which the candidate is no worse; what it tells is the same for the gate and for a rule that the gate does not use. */
export type World = (uniform: Draw, traffic: Traffic) => void

const looks = 100
export const failed: LegChange = { resolution: 'failed', durationMs: 300 }
const timedOut: LegChange = { resolution: 'timed_out', durationMs: 60_000 }

/** Tells `n` exchanges and looks a hundred times. */
function tell(traffic: Traffic, n: number, each: (index: number) => void): void {
  const every = Math.ceil(n / looks)
  for (let index = 0; index < n; index += 1) {
    each(index)
    if (index % every === every - 1) traffic.look()
  }
}

/** A leg that is refused, fails, or is slow now and then. */
function legOf(uniform: Draw, slowMs: number): LegChange {
  if (uniform() < 0.01) return failed
  const isSlow = uniform() < 0.008
  return {
    refused: uniform() < 0.04,
    durationMs: isSlow ? 45_000 : slowMs,
    ttftMs: isSlow ? 6_000 : 300,
  }
}

/** Live traffic at 10 %, content pairs and shadow pairs, of the same rates in both arms; the candidate answers later. */
export const onePairASession: World = (uniform, traffic) => {
  tell(traffic, 1_000, (i) => {
    const isCandidate = uniform() < traffic.share
    traffic.live(isCandidate ? 'candidate' : 'baseline', `user-${i}`, legOf(uniform, isCandidate ? 20_000 : 400))
    traffic.pair('content_ab', `session-${i}`, legOf(uniform, 400), legOf(uniform, 20_000))
    if (i % 5 === 0) traffic.pair('shadow_ab', `session-${i}`, legOf(uniform, 400), legOf(uniform, 20_000))
    traffic.wait(2_000)
  })
}

/** 80 sessions of twenty pairs, each with a lean of its own (logit sd 1.2) as to who is refused; over sessions nobody is refused more. */
export const twentyPairsASession: World = (uniform, traffic) => {
  const leans = Array.from({ length: 80 }, () => 1 / (1 + Math.exp(-1.2 * normal(uniform))))
  tell(traffic, 1_600, (i) => {
    const session = Math.floor(i / 20)
    const isWorse = uniform() < (leans[session] ?? 0)
    const isDiscordant = uniform() < 0.5
    traffic.pair(
      'content_ab',
      `session-${session}`,
      { refused: isDiscordant && !isWorse },
      { refused: isDiscordant && isWorse },
    )
    traffic.wait(500)
  })
}

/** Tenants that keep their place in the split while the share grows from 10 to 50 %, some busy, each with a rate of errors of its own (lognormal, sd 2, mean 4 %). */
export function stickyByTenant(tenants: number, busyness: number): World {
  return (uniform, traffic) => {
    const rates = Array.from({ length: tenants }, () => Math.min(0.5, 0.04 * Math.exp(2 * normal(uniform) - 2)))
    const places = Array.from({ length: tenants }, () => uniform())
    tell(traffic, 5_000, (i) => {
      if (i === 2_500) traffic.enterStage(50_000)
      const tenant = Math.floor(uniform() ** busyness * tenants)
      const isCandidate = (places[tenant] ?? 0) < traffic.share
      const leg = uniform() < (rates[tenant] ?? 0) ? failed : {}
      traffic.live(isCandidate ? 'candidate' : 'baseline', `tenant-${tenant}`, leg)
      traffic.wait(1_000)
    })
  }
}

/** Equal rates of errors, but the candidate fails at once and the baseline by its timeout; the candidate's good answers come late. Ten pairs a second. */
export const tiesWithLateLegs: World = (uniform, traffic) => {
  const leg = (failing: LegChange, tookMs: number): LegChange =>
    uniform() < 0.03 ? failing : { refused: uniform() < 0.04, durationMs: tookMs, ttftMs: 300 }
  tell(traffic, 1_200, (i) => {
    traffic.pair('shadow_ab', `session-${i}`, leg(timedOut, 400), leg(failed, 20_000))
    const isCandidate = uniform() < traffic.share
    const live = isCandidate ? leg(failed, 20_000) : leg(timedOut, 400)
    traffic.live(isCandidate ? 'candidate' : 'baseline', `user-${i}`, live)
    traffic.wait(100)
  })
}

/**
 * Every answer of the candidate that takes longer than two seconds is told as an error first and corrected when it is there; in the middle sixty answers
 * stall. One pair in 400 is corrected only after its outcome is final, in either direction.
 */
export const corrections: World = (uniform, traffic) => {
  tell(traffic, 1_200, (i) => {
    const [baseline, candidate] = [legOf(uniform, 400), legOf(uniform, 400)]
    const stalls = (i >= 600 && i < 660) || uniform() < 0.05
    const late: LegChange = { durationMs: 25_000, refused: candidate.refused ?? false }
    if (i % 400 === 399) {
      const first = { baseline: i === 799 ? failed : baseline, candidate: i === 799 ? candidate : failed, late: true }
      traffic.pair('shadow_ab', `session-${i}`, baseline, candidate, { first })
    } else if (stalls) {
      const first = { baseline, candidate: failed, late: false }
      traffic.pair('shadow_ab', `session-${i}`, baseline, late, { first })
    } else traffic.pair('shadow_ab', `session-${i}`, baseline, candidate)
    traffic.wait(250)
  })
}

/** Shares of 1, 10 and 50 %, one tenant at 100 % and one at 0 %, and a base rate of errors that swings by 80 % over the day. */
export const sharesAndTenants: World = (uniform, traffic) => {
  const exchanges = 4_800
  const stages: Readonly<Record<number, number>> = { 1600: 10_000, 3200: 50_000 }
  tell(traffic, exchanges, (i) => {
    const next = stages[i]
    if (next !== undefined) traffic.enterStage(next)
    const rate = 0.025 * (1 - 0.8 * Math.sin((2 * Math.PI * i) / exchanges))
    const who = uniform()
    const error: LegChange = uniform() < rate ? failed : {}
    if (who < 0.15) traffic.live('candidate', `whole-${i}`, error, { rule: 'tenant-all', candidate_weight: 100_000 })
    else if (who < 0.25) traffic.live('baseline', `none-${i}`, error, { rule: 'tenant-none', candidate_weight: 0 })
    else traffic.live(uniform() < traffic.share ? 'candidate' : 'baseline', `user-${i}`, error)
    traffic.wait(18_000)
  })
}

/**
 * Lengths with the same mean: the baseline's are lognormal with sd 1.5, the candidate's hardly vary, so that most answers are longer and few are very much
 * shorter. First 300 pairs of the baseline with itself, from which margin and clip are frozen.
 */
export const skewedScores: World = (uniform, traffic) => {
  const baseline = (): LegChange => ({ lengthChars: 400 * Math.exp(1.5 * normal(uniform)) })
  const candidate = (): LegChange => ({ lengthChars: 400 * Math.exp(1.125 + 0.2 * normal(uniform) - 0.02) })
  for (let i = 0; i < 300; i += 1) {
    traffic.pair('aa', `noise-${i}`, baseline(), baseline())
    traffic.wait(1_000)
  }
  tell(traffic, 1_000, (i) => {
    traffic.pair('content_ab', `session-${i}`, baseline(), candidate())
    traffic.wait(1_000)
  })
}

/** Log latencies of both arms share a state of minutes (AR(1), sd .3); .8 % of the answers take longer than the budget of 30 s. 40 a minute. */
export const autocorrelatedLatency: World = (uniform, traffic) => {
  const step = autoregression(uniform, 0.9, 0.3)
  let state = 0
  tell(traffic, 4_000, (i) => {
    if (i % 40 === 0) state = step()
    const durationMs = 30_000 * Math.exp(state + 0.5 * normal(uniform) - 2.409 * Math.hypot(0.3, 0.5))
    const leg: LegChange = { durationMs, ttftMs: 300 }
    traffic.live(uniform() < traffic.share ? 'candidate' : 'baseline', `user-${i}`, leg)
    traffic.wait(1_500)
  })
}

/** Refused pairs of the same rates, with fourteen deaths of whoever decides. */
export const restarts: World = (uniform, traffic) => {
  tell(traffic, 1_500, (i) => {
    const [baseline, candidate] = [uniform() < 0.06, uniform() < 0.06]
    traffic.pair('content_ab', `session-${i}`, { refused: baseline }, { refused: candidate })
    traffic.wait(1_000)
    if (i % 100 === 99) traffic.restart()
  })
}

/** 5,000 pairs of two recorded trials of one agent on one task, arms swapped by chance: who fails is refused here. */
export const recordedTrials: World = (uniform, traffic) => {
  tell(traffic, 5_000, (i) => {
    const trials = tauBench.tasks[Math.floor(uniform() * tauBench.tasks.length)] ?? ''
    const first = Math.floor(uniform() * trials.length)
    const second = (first + 1 + Math.floor(uniform() * (trials.length - 1))) % trials.length
    traffic.pair('content_ab', `task-${i}`, { refused: trials[first] === '0' }, { refused: trials[second] === '0' })
    traffic.wait(1_000)
  })
}

/**
 * A segment of 8 % of the traffic is sampled whole, of the rest a quarter. In it the candidate is refused 8 points more often, elsewhere so much less often
 * that overall nobody is refused more.
 */
export const oversampled: World = (uniform, traffic) => {
  const gain = (0.08 * 0.08) / 0.92
  tell(traffic, 8_000, (i) => {
    const isEnterprise = uniform() < 0.08
    const inclusionP = isEnterprise ? 1 : 0.25
    const [drawn, sampled] = [uniform(), uniform()]
    const [worse, better] = isEnterprise ? [0.11, 0.03] : [0.03, 0.03 + gain]
    if (sampled < inclusionP) {
      const refused = { baseline: drawn >= worse && drawn < worse + better, candidate: drawn < worse }
      const segments = { tier: isEnterprise ? 'enterprise' : 'free' }
      const legs = [{ refused: refused.baseline }, { refused: refused.candidate }] as const
      traffic.pair('content_ab', `session-${i}`, ...legs, { segments, inclusionP })
    }
    traffic.wait(1_000)
  })
}
