import { mcnemarMidP } from '../paired/mcnemar.ts'
import { type Interval, newcombePairedInterval } from '../paired/paired-interval.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/**
 * Disagreement of the candidate with the baseline beyond that of the baseline with itself: on each trace "candidate ≠ primary" and "secondary ≠ primary",
 * where secondary is the same baseline asked again. Excess = rate_CB − rate_BB with Newcombe's paired interval and McNemar's mid-p. No trace: rates and
 * excess null, interval [−1, 1], p = 1.
 */
export function excessDisagreement(
  counts: {
    readonly n: number
    readonly both: number
    readonly onlyCandidate: number
    readonly onlyBaseline: number
  },
  alpha: number,
): {
  readonly candidateRate: number | null
  readonly baselineRate: number | null
  readonly excess: number | null
  readonly interval: Interval
  readonly midP: number
} {
  const { n, both, onlyCandidate, onlyBaseline } = counts
  requireCounts({ n, both, onlyCandidate, onlyBaseline })
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const neither = n - both - onlyCandidate - onlyBaseline
  if (neither < 0) throw new StatsError(`${n - neither} disagreements cannot lie among ${n} traces`)
  const midP = mcnemarMidP({ onlyCandidate, onlyBaseline })
  if (n === 0) return { candidateRate: null, baselineRate: null, excess: null, interval: [-1, 1], midP }
  return {
    candidateRate: (both + onlyCandidate) / n,
    baselineRate: (both + onlyBaseline) / n,
    excess: (onlyCandidate - onlyBaseline) / n,
    interval: newcombePairedInterval({ both, onlyCandidate, onlyBaseline, neither }, alpha),
    midP,
  }
}
