import type { AnalysisPlan } from '../gate/plan.ts'
import { horizonsOf } from './plan-readings.ts'

/** One age at which an exchange is read, the same for all exchanges of a run. */
export interface Reading {
  readonly comparison: 'live' | 'shadow'
  readonly horizonMs: number
  /** From the arrival of the request: a live leg starts then, a shadow leg at most the start delay later. */
  readonly afterMs: number
}

interface Readings {
  /** Of requests that fell to their arm by the split. */
  readonly split: readonly Reading[]
  readonly others: readonly Reading[]
}

const known = new WeakMap<AnalysisPlan, Readings>()

/** Every reading of an exchange. Made once for a plan: a million open exchanges share them. */
export function readingsOf(plan: AnalysisPlan, isSplit: boolean): readonly Reading[] {
  let readings = known.get(plan)
  if (readings === undefined) {
    readings = { split: all(plan, ['live', 'shadow']), others: all(plan, ['shadow']) }
    known.set(plan, readings)
  }
  return isSplit ? readings.split : readings.others
}

function all(plan: AnalysisPlan, comparisons: readonly Reading['comparison'][]): readonly Reading[] {
  const { shadowStartDelayMs, graceMs } = plan
  return horizonsOf(plan).flatMap((horizonMs) =>
    comparisons.map((comparison): Reading => {
      const delayMs = comparison === 'shadow' ? shadowStartDelayMs : 0
      return { comparison, horizonMs, afterMs: delayMs + horizonMs + graceMs }
    }),
  )
}
