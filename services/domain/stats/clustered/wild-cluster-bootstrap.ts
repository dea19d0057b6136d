import { seededRandom } from '../bootstrap/seeded-random.ts'
import { requireCounts, requireWithin } from '../stats-error.ts'
import { type ClusteredValues, requireValues, unitSums } from './clustered-error.ts'

/** Up to this many units all sign patterns are gone through (65,536) and the answer needs no seed. */
const exhaustiveUnitsMax = 16
const resamplesMax = 1_000_000
/** Equal in exact arithmetic, apart by rounding. */
const hair = 1e-10

/**
 * Wild cluster bootstrap of H0: mean = μ₀, null imposed, Rademacher signs (Cameron, Gelbach & Miller 2008, Rev. Econ. Stat. 90:414): each unit's
 * residuals d − μ₀ keep their size and get one common sign, t = (d̄ − μ₀)/CR1 is computed anew with each pattern, and p is the share of patterns at
 * least as extreme as the data's own. For fewer than 40 units, or where one brings more than a tenth of the values and t of G − 1 is not to be
 * trusted; CR2 with Satterthwaite's degrees of freedom (`smallSampleMean`) is the closed form for the same case. A fixed-look test: not valid under
 * repeated looks. G units give 2^(G−1) different |t|, so p cannot fall below 2^(1−G): below 20 units no gate. Goes through all patterns up to 16 units
 * (`exact`), above that `resamples` from `seed`, p = (extreme + 1)/(resamples + 1).
 * @returns `t` in standard errors; null with p = 1 for one unit or no spread between units
 * @throws StatsError when no value is given, one is not finite, or lengths differ
 */
export function wildClusterBootstrap(
  input: ClusteredValues,
  options: { readonly nullMean: number; readonly resamples: number; readonly seed: string },
): {
  readonly mean: number
  readonly t: number | null
  /** One-sided for "mean above μ₀". */
  readonly pAbove: number
  readonly p: number
  readonly units: number
  readonly exact: boolean
} {
  const { nullMean, resamples, seed } = options
  requireWithin({ nullMean }, -1e150, 1e150)
  requireCounts({ resamples })
  requireWithin({ resamples }, 99, resamplesMax)
  requireValues(input)
  const residuals = [...unitSums(input, nullMean).values()]
  const units = residuals.length
  requireWithin({ draws: units > exhaustiveUnitsMax ? units * resamples : 0 }, 0, 5e9)
  const n = input.values.length
  const mean = nullMean + residuals.reduce((sum, { sum: own }) => sum + own, 0) / n
  const exact = units <= exhaustiveUnitsMax
  const observed = statistic(residuals, n, () => 1)
  if (observed === null) return { mean, t: null, pAbove: 1, p: 1, units, exact }
  const random = seededRandom(seed)
  const patterns = exact ? 2 ** units : resamples
  let above = 0
  let either = 0
  for (let pattern = 0; pattern < patterns; pattern += 1) {
    const sign = exact ? (unit: number) => ((pattern >>> unit) & 1 ? 1 : -1) : () => (random.below(2) === 0 ? -1 : 1)
    const t = statistic(residuals, n, sign)
    // No spread under a pattern means all units agree: as extreme as can be, on the side of its sign.
    const size = t ?? Number.POSITIVE_INFINITY
    if (Math.abs(size) >= Math.abs(observed) * (1 - hair)) either += 1
    if (size >= observed - Math.abs(observed) * hair) above += 1
  }
  const share = (extreme: number) => (exact ? extreme / patterns : (extreme + 1) / (patterns + 1))
  return { mean, t: observed, pAbove: share(above), p: share(either), units, exact }
}

/** Σ sR / √(Σ(sR − m·ΣsR/n)²·G/(G − 1)): d̄ − μ₀ over CR1 with the sums R of the units, signed. Null without spread. */
function statistic(
  residuals: readonly { readonly sum: number; readonly size: number }[],
  n: number,
  sign: (unit: number) => number,
): number | null {
  const units = residuals.length
  if (units < 2) return null
  const signed = residuals.map(({ sum }, unit) => sign(unit) * sum)
  const total = signed.reduce((sum, value) => sum + value, 0)
  let squares = 0
  let scale = 0
  for (const [unit, { size }] of residuals.entries()) {
    const own = signed[unit] ?? Number.NaN
    squares += (own - (size * total) / n) ** 2
    scale += own * own
  }
  // Rounding alone leaves about 1e-32 of the scale where units agree exactly.
  if (!(squares > scale * 1e-28)) return null
  return total / Math.sqrt((squares * units) / (units - 1))
}
