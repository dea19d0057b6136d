import { logSumExp } from './log-sum.ts'
import { requireWithin } from './stats-error.ts'

/**
 * Betting against H0: mean ≤ m for x in [0, 1]: wealth Π(1 + λᵢ(xᵢ − m)) with bets λᵢ ≥ 0 that know only the past (Waudby-Smith & Ramdas 2024,
 * JRSS-B 86:1). Two gamblers share the stake: one with their predictable plug-in bet, one that bets Kelly's approximation on what it has seen,
 * which is quicker when the harm is large. Never asymptotic: valid for any bounded outcome.
 */
export interface BettingSegment {
  plugInLogWealth: number
  kellyLogWealth: number
  n: number
  sum: number
  sumOfSquares: number
}

export function emptyBetting(): BettingSegment {
  return { plugInLogWealth: 0, kellyLogWealth: 0, n: 0, sum: 0, sumOfSquares: 0 }
}

/** Share of the largest bet that cannot lose everything. */
const caution = 0.5

/** @param x outcome in [0, 1]; @param m the null's mean, in (0, 1); @param alpha the level that the plug-in bet is tuned for */
export function addBet(segment: BettingSegment, x: number, m: number, alpha: number): void {
  requireWithin({ x }, 0, 1)
  requireWithin({ m }, Number.MIN_VALUE, 1)
  const next = segment.n + 1
  const mean = (0.5 + segment.sum) / next
  const variance = Math.max(
    (0.25 + segment.sumOfSquares - 2 * mean * segment.sum + segment.n * mean * mean) / next,
    1e-6,
  )
  const largest = caution / m
  const plugIn = Math.min(Math.sqrt((2 * Math.log(2 / alpha)) / (variance * next * Math.log1p(next))), largest)
  const edge = mean - m
  const kelly = Math.min(Math.max(edge / (variance + edge * edge), 0), largest)
  segment.plugInLogWealth += Math.log1p(plugIn * (x - m))
  segment.kellyLogWealth += Math.log1p(kelly * (x - m))
  segment.n = next
  segment.sum += x
  segment.sumOfSquares += x * x
}

/** ln E: the average of both gamblers' wealth. */
export function logBettingE(segment: BettingSegment): number {
  return logSumExp([segment.plugInLogWealth, segment.kellyLogWealth]) - Math.log(2)
}
