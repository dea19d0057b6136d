import { logSumExp } from '../log-sum.ts'
import { StatsError } from '../stats-error.ts'

/**
 * E-values of one null hypothesis put together, as logarithms (Vovk & Wang 2021, Ann. Stat. 49:1736): the product of independent ones (stages, waves),
 * the mean of any others (the same traffic asked twice). An e-value of 0 (ln = −∞) makes the product 0 and leaves the mean of the rest.
 * @throws StatsError when none is given, one is NaN, or both 0 and ∞ meet in the product
 */
export function combinedE(logs: readonly number[]): { readonly logProduct: number; readonly logMean: number } {
  if (logs.length === 0) throw new StatsError('no e-value to combine')
  for (const [index, log] of logs.entries())
    if (Number.isNaN(log)) throw new StatsError(`logE[${index}] must be a number, got NaN`)
  const logProduct = logs.reduce((sum, log) => sum + log, 0)
  if (Number.isNaN(logProduct)) throw new StatsError('an e-value of 0 times one of ∞ is not defined')
  return { logProduct, logMean: logSumExp(logs) - Math.log(logs.length) }
}
