import { logNormalSf } from '../special-functions/normal.ts'
import { StatsError } from '../stats-error.ts'

/** Nodes and weights of the density of the score process S_t = Z_t·√t that has not crossed a bound yet, at one look. */
export interface ScoreDensity {
  readonly at: Float64Array
  readonly weight: Float64Array
}

/** One look in the units of the score: information t, the increment since the last look and to the next, and the upper bound z (the lower one is −z). */
export interface Look {
  readonly fraction: number
  readonly increment: number
  /** Information until the next look. */
  readonly ahead: number
  readonly bound: number
  readonly sides: 1 | 2
  /** E[Z] at t = 1; 0 under the null. */
  readonly drift: number
}

// Gauss-Legendre on [−1, 1], ten points (Abramowitz & Stegun, table 25.4); symmetric.
const legendreAt = [0.14887433898163122, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845, 0.9739065285171717]
const legendreWeight = [
  0.29552422471475287, 0.26926671930999635, 0.21908636251598204, 0.1494513491505806, 0.06667134430868814,
]

/** Deviations below the mean that are left out: 1e-17 of the mass. */
const reach = 8.6
/** Deviations above it, where a rare crossing comes from: beyond the smallest double. */
const reachUp = 38
const looksMax = 250
/** Smallest share of its information that a look must add. */
const closest = 1e-3

/** Throws StatsError unless information rises from above 0 over 1 to 250 looks, each adding a thousandth at least. */
export function requireInformation(information: readonly number[]): void {
  if (information.length === 0 || information.length > looksMax)
    throw new StatsError(`1 to ${looksMax} looks can be planned, got ${information.length}`)
  let previous = 0
  for (const fraction of information) {
    if (!(fraction > previous && fraction < 1e6))
      throw new StatsError(`information must rise from above 0, got ${information.join(', ')}`)
    if (fraction - previous < closest * fraction)
      throw new StatsError(
        `looks at ${previous} and ${fraction} are one: they share all but nothing of their information`,
      )
    previous = fraction
  }
}

/** P(Z ≥ z at this look, not having crossed before); `density` is that of the look before, null at the first. */
export function crossingAbove(
  density: ScoreDensity | null,
  z: number,
  look: Pick<Look, 'fraction' | 'increment' | 'drift'>,
): number {
  const step = Math.sqrt(look.increment)
  const boundary = z * Math.sqrt(look.fraction) - look.drift * look.increment
  if (density === null) return Math.exp(logNormalSf(boundary / step))
  let sum = 0
  for (const [index, at] of density.at.entries())
    sum += (density.weight[index] ?? 0) * Math.exp(logNormalSf((boundary - at) / step))
  return sum
}

/** The same for Z ≤ −z. */
export function crossingBelow(
  density: ScoreDensity | null,
  z: number,
  look: Pick<Look, 'fraction' | 'increment' | 'drift'>,
): number {
  const mirrored = density === null ? null : { at: density.at.map((at) => -at), weight: density.weight }
  return crossingAbove(mirrored, z, { ...look, drift: -look.drift })
}

/** The density after a look, on panels no wider than the increments that blur it before and after. */
export function densityAfter(density: ScoreDensity | null, look: Look): ScoreDensity {
  const spread = Math.sqrt(look.fraction)
  const mean = look.drift * look.fraction
  const to = Math.min(look.bound * spread, mean + reachUp * spread)
  const lowest = mean - (look.sides === 2 ? reachUp : reach) * spread
  const from = look.sides === 2 ? Math.max(-look.bound * spread, lowest) : lowest
  const width = 1.5 * Math.sqrt(Math.min(look.increment, look.ahead))
  const panels = Math.max(1, Math.ceil((to - from) / width))
  const half = Math.max(0, to - from) / panels / 2
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
        weight[index] = half * (legendreWeight[node] ?? 0) * densityAt(density, x, look)
        index += 1
      }
    }
  }
  return { at, weight }
}

function densityAt(density: ScoreDensity | null, x: number, { increment, drift }: Look): number {
  const step = Math.sqrt(increment)
  const scale = Math.sqrt(2 * Math.PI) * step
  const shifted = x - drift * increment
  if (density === null) return Math.exp(-0.5 * (shifted / step) ** 2) / scale
  let sum = 0
  for (let index = 0; index < density.at.length; index += 1) {
    const distance = (shifted - (density.at[index] ?? 0)) / step
    if (Math.abs(distance) < reachUp) sum += (density.weight[index] ?? 0) * Math.exp(-0.5 * distance * distance)
  }
  return sum / scale
}
