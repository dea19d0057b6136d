import { meanOf, requireFinite, sumOfProducts, varianceOf } from '../moments/sample-moments.ts'
import { StatsError } from '../stats-error.ts'

/** Outcomes of one arm and a covariate known before assignment, unit by unit. */
export interface ArmWithCovariate {
  readonly outcome: readonly number[]
  readonly covariate: readonly number[]
}

/**
 * CUPED (Deng, Xu, Kohavi & Walker 2013): difference of means (candidate − baseline) of y − θ(x − x̄), θ = cov(y, x)/var(x) over both arms together,
 * with its standard error, next to the unadjusted ones. A covariate that never varies gives θ = 0. Each arm needs two units for an error, else null.
 */
export function cuped(input: { readonly candidate: ArmWithCovariate; readonly baseline: ArmWithCovariate }): {
  readonly theta: number
  readonly difference: number
  readonly error: number | null
  readonly rawDifference: number
  readonly rawError: number | null
} {
  const { candidate, baseline } = input
  for (const [name, arm] of Object.entries(input)) {
    requireFinite(`${name} outcome`, arm.outcome)
    requireFinite(`${name} covariate`, arm.covariate)
    if (arm.outcome.length !== arm.covariate.length)
      throw new StatsError(`${name} has ${arm.outcome.length} outcomes and ${arm.covariate.length} covariates`)
    if (arm.outcome.length === 0) throw new StatsError(`${name} has no unit`)
  }
  const x = [...candidate.covariate, ...baseline.covariate]
  const y = [...candidate.outcome, ...baseline.outcome]
  const variation = sumOfProducts(x, x)
  const theta = variation === 0 ? 0 : sumOfProducts(x, y) / variation
  const centre = meanOf(x)
  const adjusted = (arm: ArmWithCovariate) =>
    arm.outcome.map((value, index) => value - theta * ((arm.covariate[index] ?? centre) - centre))
  const adjustedDifference = differenceOfMeans(adjusted(candidate), adjusted(baseline))
  const raw = differenceOfMeans(candidate.outcome, baseline.outcome)
  return {
    theta,
    difference: adjustedDifference.difference,
    error: adjustedDifference.error,
    rawDifference: raw.difference,
    rawError: raw.error,
  }
}

function differenceOfMeans(candidate: readonly number[], baseline: readonly number[]) {
  const difference = meanOf(candidate) - meanOf(baseline)
  if (candidate.length < 2 || baseline.length < 2) return { difference, error: null }
  return {
    difference,
    error: Math.sqrt(varianceOf(candidate) / candidate.length + varianceOf(baseline) / baseline.length),
  }
}
