import { normalQuantile } from '../special-functions/normal.ts'
import { requireCounts, requireWithin } from '../stats-error.ts'
import { tangoInterval } from '../tango.ts'
import { wilsonInterval } from '../unpaired/proportion-interval.ts'

/** All pairs by outcome: the bad event at both, only at the candidate (n₀₁), only at the baseline (n₁₀), at neither. */
export interface PairedTable {
  readonly both: number
  readonly onlyCandidate: number
  readonly onlyBaseline: number
  readonly neither: number
}

export type Interval = readonly [low: number, high: number]

/**
 * Newcombe's method 10 for Δ = p_candidate − p_baseline of paired proportions (Newcombe 1998, Stat. Med. 17:2635): Wilson limits of both rates,
 * joined by a correlation φ̂ with continuity correction; φ̂ = 0 where a margin is empty. The default for display. [−1, 1] when there is no pair.
 */
export function newcombePairedInterval(table: PairedTable, alpha: number): Interval {
  const { both, onlyCandidate, onlyBaseline, neither } = table
  requireCounts({ both, onlyCandidate, onlyBaseline, neither })
  const n = both + onlyCandidate + onlyBaseline + neither
  if (n === 0) return [-1, 1]
  const candidate = both + onlyCandidate
  const baseline = both + onlyBaseline
  const [l1, u1] = wilsonInterval({ events: candidate, n, alpha })
  const [l2, u2] = wilsonInterval({ events: baseline, n, alpha })
  const p1 = candidate / n
  const p2 = baseline / n
  const phi = correctedPhi(table, n)
  const below = { candidate: p1 - l1, baseline: p2 - l2 }
  const above = { candidate: u1 - p1, baseline: u2 - p2 }
  const difference = (onlyCandidate - onlyBaseline) / n
  return [
    difference - joined(below.candidate, above.baseline, phi),
    difference + joined(below.baseline, above.candidate, phi),
  ]
}

function joined(first: number, second: number, phi: number): number {
  return Math.sqrt(Math.max(0, first * first + second * second - 2 * phi * first * second))
}

function correctedPhi({ both, onlyCandidate, onlyBaseline, neither }: PairedTable, n: number): number {
  const candidate = both + onlyCandidate
  const baseline = both + onlyBaseline
  const scale = Math.sqrt(candidate) * Math.sqrt(n - candidate) * Math.sqrt(baseline) * Math.sqrt(n - baseline)
  if (scale === 0) return 0
  const association = both * neither - onlyCandidate * onlyBaseline
  if (association > n / 2) return (association - n / 2) / scale
  return association >= 0 ? 0 : association / scale
}

/**
 * Bonett & Price 2012 (JEBS 37:479): Wald's interval after adding one pair to each discordant cell and two to n. Closed form, a good fallback.
 */
function bonettPriceInterval(
  input: { readonly onlyCandidate: number; readonly onlyBaseline: number; readonly n: number },
  alpha: number,
): Interval {
  const p01 = (input.onlyCandidate + 1) / (input.n + 2)
  const p10 = (input.onlyBaseline + 1) / (input.n + 2)
  const half =
    -normalQuantile(alpha / 2) * Math.sqrt(Math.max(0, p01 + p10 - (p01 - p10) * (p01 - p10)) / (input.n + 2))
  return [p01 - p10 - half, p01 - p10 + half]
}

/** Wald's interval, for comparison only: it has no width at m = 0 and covers too rarely. */
function waldInterval(
  input: { readonly onlyCandidate: number; readonly onlyBaseline: number; readonly n: number },
  alpha: number,
): Interval {
  const p01 = input.onlyCandidate / input.n
  const p10 = input.onlyBaseline / input.n
  const half = -normalQuantile(alpha / 2) * Math.sqrt(Math.max(0, p01 + p10 - (p01 - p10) ** 2) / input.n)
  return [p01 - p10 - half, p01 - p10 + half]
}

/**
 * Δ̂ = (n₀₁ − n₁₀)/n (positive = candidate worse) with its two-sided 1 − α intervals; Tango's is the one that decisions use. Without any pair the
 * estimate is null and every interval [−1, 1].
 */
export function pairedIntervals(
  table: PairedTable,
  alpha: number,
): {
  readonly delta: number | null
  readonly wald: Interval
  readonly newcombe: Interval
  readonly tango: Interval
  readonly bonettPrice: Interval
} {
  const { both, onlyCandidate, onlyBaseline, neither } = table
  requireCounts({ both, onlyCandidate, onlyBaseline, neither })
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const n = both + onlyCandidate + onlyBaseline + neither
  if (n === 0) return { delta: null, wald: [-1, 1], newcombe: [-1, 1], tango: [-1, 1], bonettPrice: [-1, 1] }
  const tango = tangoInterval({ onlyCandidate, onlyBaseline, n, z: -normalQuantile(alpha / 2) })
  return {
    delta: (onlyCandidate - onlyBaseline) / n,
    wald: waldInterval({ onlyCandidate, onlyBaseline, n }, alpha),
    newcombe: newcombePairedInterval(table, alpha),
    tango: [tango.low, tango.high],
    bonettPrice: bonettPriceInterval({ onlyCandidate, onlyBaseline, n }, alpha),
  }
}
