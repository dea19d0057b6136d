import { varianceOf } from '../moments/sample-moments.ts'
import { requireWithin, StatsError } from '../stats-error.ts'
import { clusteredRate } from '../unpaired/clustered-ratio.ts'
import { asymptoticSequence } from './asymptotic-sequence.ts'

/** Before this many units an asymptotic sequence is not to be shown. */
const unitsMin = 40

/**
 * Asymptotic confidence sequence of a ratio metric ΣS/Σm over units: that of the mean of the linearised residuals (S_g − r̂ m_g)/m̄ (Waudby-Smith et
 * al. 2024 with Deng, Knoblich & Lu 2018). `usable` is false below 40 units. Needs two units.
 */
export function ratioSequence(input: {
  readonly sums: readonly number[]
  readonly sizes: readonly number[]
  readonly alpha: number
  readonly tunedFor: number
}): {
  readonly ratio: number
  readonly margin: number
  readonly interval: readonly [number, number]
  readonly usable: boolean
} {
  const { sums, sizes, alpha, tunedFor } = input
  for (const size of sizes) requireWithin({ size }, 0, 1e150)
  const { rate } = clusteredRate({ events: sums, requests: sizes })
  const units = sums.length
  if (units < 2) throw new StatsError('a single unit has no spread')
  const meanSize = sizes.reduce((sum, size) => sum + size, 0) / units
  const residuals = sums.map((sum, index) => (sum - rate * (sizes[index] ?? 0)) / meanSize)
  const deviation = Math.sqrt(varianceOf(residuals))
  const { margin, interval } = asymptoticSequence({ n: units, mean: rate, deviation, alpha, tunedFor })
  return { ratio: rate, margin, interval, usable: units >= unitsMin }
}
