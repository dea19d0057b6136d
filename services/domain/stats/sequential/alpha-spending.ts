import { normalQuantile, normalSf } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'
import { rootOf } from './monotone-root.ts'
import {
  crossingAbove,
  crossingBelow,
  densityAfter,
  type Look,
  requireInformation,
  type ScoreDensity,
} from './score-process.ts'

/** How error is spent over information: Lan & DeMets' O'Brien-Fleming and Pocock types, or α·t^exponent. */
export type Spending =
  | { readonly kind: 'obrien-fleming' }
  | { readonly kind: 'pocock' }
  | { readonly kind: 'power'; readonly exponent: number }

/** Cumulative α spent on one side at information fraction t (all of it from t = 1 on); α is that side's share. */
function spentBy(spending: Spending, alpha: number, fraction: number): number {
  if (fraction >= 1) return alpha
  if (spending.kind === 'obrien-fleming') return 2 * normalSf(-normalQuantile(alpha / 2) / Math.sqrt(fraction))
  if (spending.kind === 'pocock') return alpha * Math.log1p((Math.E - 1) * fraction)
  return alpha * fraction ** spending.exponent
}

/**
 * Critical values z_k of a group-sequential test that spends α by the given function at the actual information fractions, by recursive integration of
 * the density of the score process (Armitage, McPherson & Rowe 1969; Lan & DeMets 1983, Biometrika 70:659; Jennison & Turnbull 2000), futility not
 * binding. Two-sided tests spend α/2 a side and stop at either. Fractions rise; from 1 on all of α is spent (overrun). α = .05 one-sided at ¼, ½, ¾,
 * 1 with O'Brien-Fleming: 3.7496, 2.5399, 2.0161, 1.7202. Where nothing is spent z = +∞.
 */
export function spendingBounds(input: {
  readonly information: readonly number[]
  readonly alpha: number
  readonly sides: 1 | 2
  readonly spending: Spending
}): { readonly z: readonly number[]; readonly spentPerSide: readonly number[] } {
  const { information, sides, spending } = input
  const alpha = input.alpha / sides
  requireWithin({ alpha: input.alpha }, Number.MIN_VALUE, sides === 1 ? 0.5 : 1 - Number.EPSILON)
  if (spending.kind === 'power') requireWithin({ exponent: spending.exponent }, 1e-3, 1e3)
  requireInformation(information)
  const z: number[] = []
  const spentPerSide = information.map((fraction) => spentBy(spending, alpha, fraction))
  let density: ScoreDensity | null = null
  for (const [index, look] of looksOf(information, sides, 0).entries()) {
    const bound = boundFor(density, (spentPerSide[index] ?? 0) - (spentPerSide[index - 1] ?? 0), look)
    z.push(bound)
    if (look.ahead > 0) density = densityAfter(density, { ...look, bound })
  }
  return { z, spentPerSide }
}

function looksOf(information: readonly number[], sides: 1 | 2, drift: number): readonly Omit<Look, 'bound'>[] {
  return information.map((fraction, index) => ({
    fraction,
    increment: fraction - (information[index - 1] ?? 0),
    ahead: (information[index + 1] ?? fraction) - fraction,
    sides,
    drift,
  }))
}

/** z at which the chance of crossing now, not having crossed before, equals `spend`. */
function boundFor(density: ScoreDensity | null, spend: number, look: Omit<Look, 'bound'>): number {
  if (!(spend > 0)) return Number.POSITIVE_INFINITY
  if (density === null) return -normalQuantile(spend)
  const logSpend = Math.log(spend)
  // Crossing gets rarer as z grows; 38 deviations are beyond the smallest double.
  return rootOf((z) => Math.log(crossingAbove(density, z, look)), logSpend, -38, 38)
}

/**
 * Cumulative probability of having crossed at each look when Z has mean drift·√t: `above` z_k, and for two-sided tests `below` −z_k. Under drift 0 it
 * is the α spent; under drift (z_α + z_β)·√(I_max/I_fixed) the power by then. Same integration as the bounds.
 */
export function crossingProbabilities(input: {
  readonly information: readonly number[]
  readonly z: readonly number[]
  readonly drift: number
  readonly sides: 1 | 2
}): { readonly above: readonly number[]; readonly below: readonly number[] } {
  const { information, z, drift, sides } = input
  requireInformation(information)
  requireWithin({ drift }, -30, 30)
  if (z.length !== information.length) throw new StatsError(`${z.length} bounds for ${information.length} looks`)
  for (const bound of z) requireWithin({ bound }, sides === 1 ? -30 : 1e-9, Number.POSITIVE_INFINITY)
  const above: number[] = []
  const below: number[] = []
  let density: ScoreDensity | null = null
  for (const [index, look] of looksOf(information, sides, drift).entries()) {
    const bound = z[index] ?? Number.POSITIVE_INFINITY
    above.push((above.at(-1) ?? 0) + crossingAbove(density, bound, look))
    below.push(sides === 1 ? 0 : (below.at(-1) ?? 0) + crossingBelow(density, bound, look))
    if (look.ahead > 0) density = densityAfter(density, { ...look, bound })
  }
  return { above, below }
}
