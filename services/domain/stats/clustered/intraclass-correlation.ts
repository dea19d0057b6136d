import { meanOf } from '../moments/sample-moments.ts'
import { StatsError } from '../stats-error.ts'
import { type ClusteredValues, requireValues } from './clustered-error.ts'

/**
 * Intraclass correlation of values within units by one-way analysis of variance (Donner 1986, Int. Stat. Rev. 54:67): (MSB − MSW)/(MSB + (m₀ − 1)MSW)
 * with m₀ = (n − Σm²/n)/(G − 1), and the design effect that it makes, 1 + (Σm²/n − 1)·max(0, ICC), by which a required size is multiplied. Negative
 * estimates are given as they are and count as 0 in the design effect. One value a unit says nothing about agreement within: ICC null, design effect 1;
 * so does no spread at all.
 * @throws StatsError for fewer than two units, values that are not finite, or lengths that differ
 */
export function intraclassCorrelation(input: ClusteredValues): {
  readonly icc: number | null
  readonly designEffect: number
  readonly units: number
} {
  requireValues(input)
  const byUnit = new Map<string | number, number[]>()
  for (const [index, value] of input.values.entries()) {
    const label = input.clusters[index] ?? ''
    const own = byUnit.get(label)
    if (own === undefined) byUnit.set(label, [value])
    else own.push(value)
  }
  const units = byUnit.size
  if (units < 2) throw new StatsError('a single unit has no correlation within units')
  const n = input.values.length
  if (n === units) return { icc: null, designEffect: 1, units }
  const mean = meanOf(input.values)
  let between = 0
  let within = 0
  let squaredSizes = 0
  for (const values of byUnit.values()) {
    const own = meanOf(values)
    between += values.length * (own - mean) ** 2
    squaredSizes += values.length ** 2
    for (const value of values) within += (value - own) ** 2
  }
  const meanBetween = between / (units - 1)
  const meanWithin = within / (n - units)
  const typicalSize = (n - squaredSizes / n) / (units - 1)
  const spread = meanBetween + (typicalSize - 1) * meanWithin
  if (!(spread > 0)) return { icc: null, designEffect: 1, units }
  const icc = (meanBetween - meanWithin) / spread
  return { icc, designEffect: 1 + (squaredSizes / n - 1) * Math.max(0, icc), units }
}
