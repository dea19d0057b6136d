import { StatsError } from '../stats-error.ts'

/** Beyond this the square of a value would overflow. */
const sizeMax = 1e150

/** Throws StatsError unless every value is a number of at most 1e150 in size. */
export function requireFinite(name: string, values: readonly number[]): void {
  for (const [index, value] of values.entries())
    if (!(Math.abs(value) <= sizeMax)) throw new StatsError(`${name}[${index}] must lie in ±${sizeMax}, got ${value}`)
}

/** Mean by two passes; NaN of nothing. */
export function meanOf(values: readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / values.length
  let rest = 0
  for (const value of values) rest += value - mean
  return mean + rest / values.length
}

/** Σ(x − x̄)(y − ȳ), two passes; x = y gives the sum of squares. Both lists have the same length. */
export function sumOfProducts(x: readonly number[], y: readonly number[]): number {
  const meanX = meanOf(x)
  const meanY = meanOf(y)
  let sum = 0
  for (const [index, value] of x.entries()) sum += (value - meanX) * ((y[index] ?? Number.NaN) - meanY)
  return sum
}

/** Sample variance with n − 1; NaN below two values. */
export function varianceOf(values: readonly number[]): number {
  return values.length < 2 ? Number.NaN : sumOfProducts(values, values) / (values.length - 1)
}
