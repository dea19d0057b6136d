import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin } from '../stats-error.ts'
import { crossingProbabilities, type Spending, spendingBounds } from './alpha-spending.ts'
import { rootOf } from './monotone-root.ts'

/**
 * What looking more than once costs: the largest information of a group-sequential design over that of one fixed look of the same α and power,
 * (drift/(z_α + z_β))², where `drift` (mean of Z at information 1) gives that power over all looks (Jennison & Turnbull 2000, ch. 2; futility not
 * binding). α = .05 one-sided, power .8, O'Brien-Fleming type: 1.008 for 2 looks, 1.029 for 4, 1.059 for 20; Pocock type with 4: 1.204. Information
 * fractions rise and end at 1 or above. One look: 1.
 * @param power strictly above α a side, at most 1 − 1e-6; two-sided designs count crossings on the side of the drift
 */
export function designInflation(input: {
  readonly information: readonly number[]
  readonly alpha: number
  readonly sides: 1 | 2
  readonly spending: Spending
  readonly power: number
}): { readonly inflation: number; readonly drift: number } {
  const { information, alpha, sides, power } = input
  const { z } = spendingBounds(input)
  requireWithin({ power }, Math.min(1, alpha / sides + 1e-6), 1 - 1e-6)
  requireWithin({ 'last information fraction': information.at(-1) ?? 0 }, 1, 1e6)
  const fixed = normalQuantile(power) - normalQuantile(alpha / sides)
  const missed = (drift: number) => 1 - (crossingProbabilities({ information, z, drift, sides }).above.at(-1) ?? 0)
  const drift = rootOf(missed, 1 - power, 0, Math.min(30, 2 * fixed + 5))
  return { inflation: (drift / fixed) ** 2, drift }
}
