import type { Arm } from '../events/records.ts'
import { logMixedBetaBinomialE, tunedPrior } from '../stats/beta-binomial-e.ts'
import { type BettingSegment, emptyBetting, logBettingE } from '../stats/betting-e.ts'
import { type EventShareSegment, emptyEventShare, logEventShareE, rateRatioEstimate } from '../stats/event-share-e.ts'
import type { HarmTest } from './plan.ts'

/** Pairs or singles of one stretch of time, with the e-process state of the test's engine. Plain data. */
export interface HarmSegment {
  n: number
  /** Paired binary: both, only candidate, only baseline, neither. */
  readonly table: { both: number; onlyCandidate: number; onlyBaseline: number; neither: number }
  readonly sums: { baseline: number; candidate: number; squares: number }
  readonly units: Record<Arm, number>
  /** Candidate's units by their first outcome: one Bernoulli each, however many requests a unit makes. */
  readonly first: { units: number; events: number }
  readonly share: EventShareSegment
  readonly betting: BettingSegment
  /** ln E of this stretch alone; kept, because most records do not change it. */
  logE: number
}

/** What people see of the stretch that speaks loudest. */
export interface ShownStretch {
  readonly n: number
  readonly baseline: number | null
  readonly candidate: number | null
  /** Variance of the estimated difference, times n; null when unknown. */
  readonly variance: number | null
  readonly table: HarmSegment['table'] | null
  /** Share of the stake that bet on this stretch: its interval is built at that share of α. */
  readonly weight: number
}

export function emptySegment(): HarmSegment {
  return {
    n: 0,
    table: { both: 0, onlyCandidate: 0, onlyBaseline: 0, neither: 0 },
    sums: { baseline: 0, candidate: 0, squares: 0 },
    units: { baseline: 0, candidate: 0 },
    first: { units: 0, events: 0 },
    share: emptyEventShare(),
    betting: emptyBetting(),
    logE: 0,
  }
}

/** ln E of one stretch from its counts. */
export function logEOf(test: HarmTest, segment: HarmSegment): number {
  switch (test.engine) {
    case 'paired_binary': {
      const { onlyCandidate, onlyBaseline } = segment.table
      if (onlyCandidate + onlyBaseline === 0) return 0
      const tuned = tunedPrior({ discordant: test.tunedForDiscordant, alpha: test.alpha })
      return logMixedBetaBinomialE({ events: onlyCandidate, others: onlyBaseline, nullShare: 0.5, tuned })
    }
    case 'beyond_margin':
      return logBettingE(segment.betting)
    case 'ceiling': {
      const nullShare = test.margin.kind === 'absolute' ? test.margin.value : test.margin.floor
      return logAboveE(segment.first, nullShare)
    }
    default:
      return logEventShareE(segment.share)
  }
}

/** ln E for H0: the candidate's own rate is at most `limit`, whatever the baseline's is. */
function logAboveE({ units, events }: HarmSegment['first'], limit: number): number {
  return units === 0 ? 0 : logMixedBetaBinomialE({ events, others: units - events, nullShare: limit, tuned: 0.5 })
}

/** True for a test that is no fast twin, and for a twin whose candidate rate is proven to be a burst, at the share of α that bet on the stretch. */
export function isBurst(test: HarmTest, segment: HarmSegment, weight: number): boolean {
  return test.burstAbove === null || logAboveE(segment.first, test.burstAbove) >= -Math.log(test.alpha * weight)
}

/** The estimate that the rule compares with its margin: how much worse the rate or mean is, a rate ratio for unpaired events, a rate for a ceiling. */
export function estimateOf(test: HarmTest, segment: HarmSegment): number | null {
  if (test.engine === 'event_share' || test.engine === 'exceedance') return rateRatioEstimate(segment.share)
  if (test.engine === 'ceiling') return segment.first.units === 0 ? null : segment.first.events / segment.first.units
  return segment.n === 0 ? null : towardsHarm(test, (segment.sums.candidate - segment.sums.baseline) / segment.n)
}

/** A difference as the tests count it: above 0 is worse. */
export function towardsHarm(test: Pick<HarmTest, 'higherIsBetter'>, difference: number): number {
  return test.higherIsBetter === true ? -difference : difference
}

export function isPaired(test: HarmTest): boolean {
  return test.engine === 'paired_binary' || test.engine === 'beyond_margin'
}

export function shownOf(test: HarmTest, segment: HarmSegment, weight: number): ShownStretch {
  const { n, sums, units } = segment
  if (isPaired(test)) {
    if (n === 0) return { n, baseline: null, candidate: null, variance: null, table: null, weight }
    const difference = (sums.candidate - sums.baseline) / n
    const table = test.engine === 'paired_binary' ? { ...segment.table } : null
    const variance = Math.max(sums.squares / n - difference ** 2, 0)
    return { n, baseline: sums.baseline / n, candidate: sums.candidate / n, variance, table, weight }
  }
  if (test.engine === 'ceiling') {
    const rate = n === 0 ? null : segment.first.events / segment.first.units
    return { n, baseline: null, candidate: rate, variance: null, table: null, weight }
  }
  const rate = (arm: Arm) => (units[arm] === 0 ? null : sums[arm] / units[arm])
  // Half an event more than seen: an arm without events is not known to have none.
  const spread = (arm: Arm) => {
    const p = (sums[arm] + 0.5) / (units[arm] + 1)
    return (p * (1 - p)) / units[arm]
  }
  const [baseline, candidate] = [rate('baseline'), rate('candidate')]
  const variance = baseline === null || candidate === null ? null : n * (spread('baseline') + spread('candidate'))
  return { n, baseline, candidate, variance, table: null, weight }
}
