import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/** Beyond this many rounds of a profile (millions of years of days) the sum of its hours keeps no hour. */
const roundsMax = 1e9

/**
 * Hours until a stage has its required pairs: the smallest h with Σ_{j ≤ h} λ_{(start + j) mod L}·share·usable ≥ required, linear within the hour, λ
 * the hourly requests of a periodic profile of L hours; then rounded up to whole seasonal periods. 0 when nothing is required; refuses a profile that
 * brings no pair at all.
 */
export function stageDuration(input: {
  readonly hourlyRequests: readonly number[]
  readonly startHour: number
  readonly share: number
  readonly usableFraction: number
  readonly requiredPairs: number
  readonly seasonalPeriodHours: number
}): { readonly hours: number; readonly wholePeriods: number } {
  const { hourlyRequests, startHour, share, usableFraction, requiredPairs, seasonalPeriodHours } = input
  requireCounts({ startHour })
  requireWithin({ share, usableFraction }, 0, 1)
  requireWithin({ requiredPairs }, 0, 1e15)
  requireWithin({ seasonalPeriodHours }, Number.MIN_VALUE, 1e6)
  for (const requests of hourlyRequests) requireWithin({ hourlyRequests: requests }, 0, 1e15)
  const length = hourlyRequests.length
  const pairsPerPeriod = hourlyRequests.reduce((sum, requests) => sum + requests, 0) * share * usableFraction
  if (requiredPairs === 0) return { hours: 0, wholePeriods: 0 }
  if (!(pairsPerPeriod > 0)) throw new StatsError('the traffic profile brings no usable pair: the stage never ends')
  requireWithin({ 'rounds of the profile': requiredPairs / pairsPerPeriod }, 0, roundsMax)
  // Whole rounds of the profile first, one fewer than could be needed, so that the walk below ends within two rounds.
  const rounds = Math.max(0, Math.floor(requiredPairs / pairsPerPeriod) - 1)
  let missing = requiredPairs - rounds * pairsPerPeriod
  let hours = rounds * length
  for (let hour = 0; ; hour += 1) {
    const pairs = (hourlyRequests[(startHour + hour) % length] ?? 0) * share * usableFraction
    if (pairs > 0 && pairs >= missing * (1 - 1e-12)) {
      hours += hour + Math.min(1, missing / pairs)
      break
    }
    missing -= pairs
  }
  return { hours, wholePeriods: Math.ceil((hours / seasonalPeriodHours) * (1 - 1e-12)) * seasonalPeriodHours }
}
