import type { Evidence } from '../events/records.ts'
import { uniformOf } from '../sampling/plan-shadow.ts'
import { geometricPosition } from '../stats/geometric-position.ts'
import type { AnalysisPlan } from './plan.ts'

/**
 * Which pair of a unit enters, from 1: geometric with mean `median`, from a hash of run and unit, so fixed before the first of its pairs is
 * seen. One pair per unit keeps tests valid when the pairs of a session resemble each other; not always the first, so that drift within sessions shows.
 */
export function pairPositionOf(run: string, unit: string, median: number): number {
  if (median <= 1) return 1
  return geometricPosition({ uniform: uniformOf(run, unit), mean: median })
}

/**
 * True when a pair of a segment that is sampled more often than others is left out of questions about all pairs, so that every exchange has the same
 * chance to enter them: p_min of p, by a hash of run and exchange. Questions about a slice take all of its pairs.
 */
export function isThinnedOut(run: string, plan: AnalysisPlan, evidence: Evidence): boolean {
  const { comparison, inclusion_p: inclusion, exchange_id: exchange } = evidence
  if (plan.inclusionMin === null || (comparison !== 'content_ab' && comparison !== 'shadow_ab')) return false
  const least = plan.inclusionMin[comparison]
  return inclusion > least && uniformOf(`${run}/thin`, exchange) * inclusion >= least
}
