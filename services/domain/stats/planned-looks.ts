import { normalQuantile, normalSf } from './special-functions/normal.ts'
import { requireWithin, StatsError } from './stats-error.ts'

/** Information fractions of the looks: the first falls where power analysis asked for, and there is never one after the last. */
export const lookFractions: readonly number[] = [1 / 2, 2 / 3, 5 / 6, 1]

const gridPoints = 1_201
const gridFrom = -8

/** Cumulative one-sided α spent at information fraction t, O'Brien-Fleming type: 2(1 − Φ(z_{1−α/2}/√t)) (Lan & DeMets 1983, Biometrika 70:659). */
export function obrienFlemingSpending(alpha: number, fraction: number): number {
  return 2 * normalSf(normalQuantile(1 - alpha / 2) / Math.sqrt(fraction))
}

/**
 * Critical values of a one-sided group-sequential test that spends α by the O'Brien-Fleming type function, by recursive integration of the density of the
 * score process (Armitage, McPherson & Rowe 1969), futility not binding. α = .05 at 1/2, 2/3, 5/6, 1: 2.54, 2.18, 1.94, 1.76.
 */
export function plannedLooks(input: {
  readonly alpha: number
  readonly fractions?: readonly number[]
}): readonly { readonly fraction: number; readonly bound: number }[] {
  requireWithin({ alpha: input.alpha }, 1e-12, 0.5)
  const fractions = input.fractions ?? lookFractions
  fractions.forEach((fraction, index) => {
    if (!(fraction > (fractions[index - 1] ?? 0) && fraction <= 1))
      throw new StatsError(`fractions must rise within (0, 1], got ${fractions.join(', ')}`)
  })
  const looks: { fraction: number; bound: number }[] = []
  let density: { readonly at: Float64Array; readonly weight: Float64Array } | null = null
  let spent = 0
  fractions.forEach((fraction, index) => {
    const target = obrienFlemingSpending(input.alpha, fraction) - spent
    spent += target
    const previous = fractions[index - 1] ?? 0
    const step = Math.sqrt(fraction - previous)
    const crossing = (bound: number) =>
      density === null ? normalSf(bound) : crossingProbability(density, bound * Math.sqrt(fraction), step)
    const bound = density === null ? -normalQuantile(target) : solve(crossing, target)
    looks.push({ fraction, bound })
    density = propagate(density, bound * Math.sqrt(fraction), Math.sqrt(fraction), step)
  })
  return looks
}

function crossingProbability(
  density: { readonly at: Float64Array; readonly weight: Float64Array },
  boundary: number,
  step: number,
): number {
  let sum = 0
  for (let i = 0; i < density.at.length; i += 1)
    sum += (density.weight[i] ?? 0) * normalSf((boundary - (density.at[i] ?? 0)) / step)
  return sum
}

/** Weighted nodes (Simpson) of the density of the score process below the boundary, one look later. */
function propagate(
  density: { readonly at: Float64Array; readonly weight: Float64Array } | null,
  boundary: number,
  spread: number,
  step: number,
) {
  const from = gridFrom * spread
  const width = (boundary - from) / (gridPoints - 1)
  const at = new Float64Array(gridPoints)
  const weight = new Float64Array(gridPoints)
  for (let i = 0; i < gridPoints; i += 1) {
    const x = from + i * width
    const simpson = i === 0 || i === gridPoints - 1 ? 1 : i % 2 === 1 ? 4 : 2
    at[i] = x
    weight[i] = ((simpson * width) / 3) * densityAt(density, x, step)
  }
  return { at, weight }
}

function densityAt(
  density: { readonly at: Float64Array; readonly weight: Float64Array } | null,
  x: number,
  step: number,
): number {
  const phi = (z: number) => Math.exp(-0.5 * z * z) / (Math.sqrt(2 * Math.PI) * step)
  if (density === null) return phi(x / step)
  let sum = 0
  for (let i = 0; i < density.at.length; i += 1)
    sum += (density.weight[i] ?? 0) * phi((x - (density.at[i] ?? 0)) / step)
  return sum
}

/** The bound at which the decreasing `crossing` equals `target`. */
function solve(crossing: (bound: number) => number, target: number): number {
  let low = -2
  let high = 9
  for (let step = 0; step < 80; step += 1) {
    const middle = (low + high) / 2
    if (crossing(middle) > target) low = middle
    else high = middle
  }
  return (low + high) / 2
}
