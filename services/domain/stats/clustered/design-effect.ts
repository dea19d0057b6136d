import { requireWithin, StatsError } from '../stats-error.ts'

/**
 * Kish's design effect 1 + (Σm²/Σm − 1)·ICC of clusters of m values, and the effective number of values Σm/deff: every required size is multiplied
 * by it. ICC in [−1, 1]; refuses sizes that are not positive and a deff that is not.
 */
export function designEffect(input: { readonly sizes: readonly number[]; readonly icc: number }): {
  readonly designEffect: number
  readonly effective: number
} {
  requireWithin({ icc: input.icc }, -1, 1)
  if (input.sizes.length === 0) throw new StatsError('no cluster given')
  let total = 0
  let squares = 0
  for (const size of input.sizes) {
    requireWithin({ 'cluster size': size }, Number.MIN_VALUE, 1e150)
    total += size
    squares += size * size
  }
  const deff = 1 + (squares / total - 1) * input.icc
  if (!(deff > 0)) throw new StatsError(`an ICC of ${input.icc} is impossible with clusters of these sizes`)
  return { designEffect: deff, effective: total / deff }
}
