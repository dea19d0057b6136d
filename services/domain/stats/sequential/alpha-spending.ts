import { logNormalSf, normalQuantile, normalSf } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'
import { rootOf } from './monotone-root.ts'

/** How error is spent over information: Lan & DeMets' O'Brien-Fleming and Pocock types, or α·t^exponent. */
export type Spending =
  | { readonly kind: 'obrien-fleming' }
  | { readonly kind: 'pocock' }
  | { readonly kind: 'power'; readonly exponent: number }

/** Cumulative α spent on one side at information fraction t (1 from t = 1 on); α is that side's share. */
function spentBy(spending: Spending, alpha: number, fraction: number): number {
  if (fraction >= 1) return alpha
  if (spending.kind === 'obrien-fleming') return 2 * normalSf(-normalQuantile(alpha / 2) / Math.sqrt(fraction))
  if (spending.kind === 'pocock') return alpha * Math.log1p((Math.E - 1) * fraction)
  return alpha * fraction ** spending.exponent
}

/** Nodes and weights of the density of the score process that has not crossed yet, at one look. */
interface Density {
  readonly at: Float64Array
  readonly weight: Float64Array
}

// Gauss-Legendre on [−1, 1], ten points (Abramowitz & Stegun, table 25.4); symmetric.
const legendreAt = [0.14887433898163122, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845, 0.9739065285171717]
const legendreWeight = [
  0.29552422471475287, 0.26926671930999635, 0.21908636251598204, 0.1494513491505806, 0.06667134430868814,
]

/** Deviations below 0 (or beyond an increment) that are left out: 1e-17 of the mass. */
const reach = 8.6
const looksMax = 250

/**
 * Critical values z_k of a group-sequential test that spends α by the given function at the actual information fractions, by recursive integration of
 * the density of the score process (Armitage, McPherson & Rowe 1969; Lan & DeMets 1983, Biometrika 70:659; Jennison & Turnbull 2000), futility not binding. Two-sided
 * tests spend α/2 a side and stop at either. Fractions rise; from 1 on all of α is spent (overrun). α = .05 one-sided at ¼, ½, ¾, 1 with O'Brien-Fleming:
 * 3.7496, 2.5399, 2.0161, 1.7202. Where nothing is spent z = +∞.
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
  if (information.length === 0 || information.length > looksMax)
    throw new StatsError(`1 to ${looksMax} looks can be planned, got ${information.length}`)
  let previous = 0
  for (const fraction of information) {
    if (!(fraction > previous && fraction < 1e6))
      throw new StatsError(`information must rise from above 0, got ${information.join(', ')}`)
    previous = fraction
  }
  const z: number[] = []
  const spentPerSide = information.map((fraction) => spentBy(spending, alpha, fraction))
  let density: Density | null = null
  for (const [look, fraction] of information.entries()) {
    const spend = (spentPerSide[look] ?? 0) - (spentPerSide[look - 1] ?? 0)
    const step = Math.sqrt(fraction - (information[look - 1] ?? 0))
    const bound = boundFor(density, spend, Math.sqrt(fraction), step)
    z.push(bound)
    const next = information[look + 1]
    if (next === undefined) break
    const width = 1.5 * Math.min(step, Math.sqrt(next - fraction))
    density = densityBelow(density, { bound, spread: Math.sqrt(fraction), step, width, sides })
  }
  return { z, spentPerSide }
}

/** z at which the chance of crossing now, not having crossed before, equals `spend`. */
function boundFor(density: Density | null, spend: number, spread: number, step: number): number {
  if (!(spend > 0)) return Number.POSITIVE_INFINITY
  if (density === null) return -normalQuantile(spend)
  const logSpend = Math.log(spend)
  const logCrossing = (z: number) => {
    let sum = 0
    for (const [index, at] of density.at.entries())
      sum += (density.weight[index] ?? 0) * Math.exp(logNormalSf((z * spread - at) / step))
    return Math.log(sum)
  }
  // Crossing gets rarer as z grows; 38 deviations are beyond the smallest double.
  return rootOf(logCrossing, logSpend, -38, 38)
}

/** The density one look later, on panels no wider than the increments that blur it before and after. */
function densityBelow(
  density: Density | null,
  look: {
    readonly bound: number
    readonly spread: number
    readonly step: number
    readonly width: number
    readonly sides: 1 | 2
  },
): Density {
  const to = Math.min(look.bound, reach + 30) * look.spread
  const from = look.sides === 2 ? Math.max(-to, -reach * look.spread) : -reach * look.spread
  const upTo = look.sides === 2 ? Math.min(to, reach * look.spread) : to
  const panels = Math.max(1, Math.ceil((upTo - from) / look.width))
  const half = (upTo - from) / panels / 2
  const perPanel = 2 * legendreAt.length
  const at = new Float64Array(panels * perPanel)
  const weight = new Float64Array(panels * perPanel)
  let index = 0
  for (let panel = 0; panel < panels; panel += 1) {
    const middle = from + (2 * panel + 1) * half
    for (const [node, distance] of legendreAt.entries()) {
      for (const sign of [-1, 1]) {
        const x = middle + sign * distance * half
        at[index] = x
        weight[index] = half * (legendreWeight[node] ?? 0) * densityAt(density, x, look.step)
        index += 1
      }
    }
  }
  return { at, weight }
}

function densityAt(density: Density | null, x: number, step: number): number {
  const scale = Math.sqrt(2 * Math.PI) * step
  if (density === null) return Math.exp(-0.5 * (x / step) ** 2) / scale
  let sum = 0
  for (let index = 0; index < density.at.length; index += 1) {
    const distance = (x - (density.at[index] ?? 0)) / step
    if (Math.abs(distance) < 38) sum += (density.weight[index] ?? 0) * Math.exp(-0.5 * distance * distance)
  }
  return sum / scale
}
