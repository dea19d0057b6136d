import { uniformOf } from '../sampling/plan-shadow.ts'
import { geometricPosition } from '../stats/geometric-position.ts'

/**
 * Which pair of a unit enters, from 1: geometric with mean `median`, from a hash of run and unit, so fixed before the first of its pairs is
 * seen. One pair per unit keeps tests valid when the pairs of a session resemble each other; not always the first, so that drift within sessions shows.
 */
export function pairPositionOf(run: string, unit: string, median: number): number {
  if (median <= 1) return 1
  return geometricPosition({ uniform: uniformOf(run, unit), mean: median })
}
