import { logSumExp } from '../log-sum.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/** Shares of discordant pairs on the candidate's side that the detector is on the watch for. */
export const watchedShares: readonly number[] = [0.55, 0.6, 0.65, 0.7, 0.8, 0.9]

/**
 * E-detector for a change to the worse at an unknown hour (Shin, Ramdas & Rinaldo 2023, arXiv 2203.03532, Shiryaev-Roberts form): per hour x pairs bad
 * only under the candidate, y only under the baseline; R_t = L_t(1 + R_{t−1}) with L_t = (π₁/π₀)^x((1 − π₁)/(1 − π₀))^y, averaged over the alternatives π₁ > π₀.
 * Each L is a supermartingale factor for every π ≤ π₀, so the alarm at R ≥ A comes on average no sooner than after A hours without a change (average
 * run length, in hours if the counts are hourly), whatever the counts depend on. It restarts at every hour by itself, so a long clean history does not
 * deafen it. For display and review: outside the error budget, as `cumulativeSum` is. Hours without discordant pairs add 1 to R; no hour: R = 0.
 * @returns ln R at the end and at its highest, and the first alarm's index from 0, or null
 */
export function changeDetector(input: {
  readonly hours: readonly { readonly x: number; readonly y: number }[]
  readonly nullShare: number
  readonly alternatives: readonly number[]
  readonly runLength: number
}): { readonly logLast: number; readonly logLargest: number; readonly alarmAt: number | null } {
  const { hours, nullShare, alternatives, runLength } = input
  requireWithin({ nullShare }, 1e-9, 1 - 1e-9)
  requireWithin({ runLength }, 1, 1e150)
  if (alternatives.length === 0) throw new StatsError('no alternative to watch for')
  for (const alternative of alternatives) requireWithin({ alternative }, nullShare, 1 - 1e-12)
  let logs = alternatives.map(() => Number.NEGATIVE_INFINITY)
  let logLast = Number.NEGATIVE_INFINITY
  let logLargest = Number.NEGATIVE_INFINITY
  let alarmAt: number | null = null
  for (const [index, { x, y }] of hours.entries()) {
    requireCounts({ x, y })
    logs = logs.map((before, which) => {
      const share = alternatives[which] ?? nullShare
      const step = x * Math.log(share / nullShare) + y * (Math.log1p(-share) - Math.log1p(-nullShare))
      return step + logSumExp([0, before])
    })
    logLast = logSumExp(logs) - Math.log(logs.length)
    logLargest = Math.max(logLargest, logLast)
    if (alarmAt === null && logLast >= Math.log(runLength)) alarmAt = index
  }
  return { logLast, logLargest, alarmAt }
}
