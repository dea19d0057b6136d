import type { Evidence } from '../events/records.ts'
import type { SingleCounts } from './harm-state.ts'
import type { AdvanceTest, AnalysisPlan, HarmTest } from './plan.ts'
import { countOnce, countOnceAnHour, questionsMax, type UnitLedger } from './unit-ledger.ts'

/** Question about a live unit → its bit in the ledger, in the plan's order, so that it means the same after a restart. */
export type Questions = ReadonlyMap<string, number>

/** The bits of one harm test's questions. */
export interface HarmBits {
  readonly exposed: number | undefined
  readonly event: number | undefined
}

export function harmBitsOf(questions: Questions, test: HarmTest): HarmBits {
  return { exposed: questions.get(`${test.id}/exposed`), event: questions.get(`${test.id}/event`) }
}

export function firstBitOf(questions: Questions, test: AdvanceTest): number | undefined {
  return questions.get(`${test.id}/first`)
}

const hourMs = 3_600_000

/** @throws RangeError when the plan asks more of a live unit than the ledger has bits */
export function questionsOf(plan: AnalysisPlan): Questions {
  const names = [
    ...plan.harm
      .filter((test) => test.comparison === 'live_ab')
      .flatMap((test) => [`${test.id}/exposed`, `${test.id}/event`]),
    ...plan.advance.filter((test) => test.comparison === 'live_ab').map((test) => `${test.id}/first`),
  ]
  if (names.length > questionsMax)
    throw new RangeError(`the plan asks ${names.length} questions of a live unit, at most ${questionsMax} can be kept`)
  return new Map(names.map((name, bit) => [name, bit]))
}

/**
 * What of a single counts for a test. Events count once per unit and stratum; exceedances once per unit and hour, since one slow minute must not
 * silence a unit for the whole stage. Against a ceiling a unit's first outcome of an hour counts: "at least one error" would grow with the number of
 * its requests.
 */
export function singleCounts(
  ledger: UnitLedger,
  bits: HarmBits,
  test: HarmTest,
  evidence: Evidence,
  stratum: string,
  isEvent: boolean,
): Pick<SingleCounts, 'exposed' | 'event'> {
  const unit = evidence.assignment_unit
  if (test.engine === 'event_share') {
    const exposed = countOnce(ledger, stratum, bits.exposed, unit)
    return { exposed, event: isEvent && countOnce(ledger, stratum, bits.event, unit) }
  }
  const stream = `${stratum}/${evidence.horizon_ms}`
  const hour = Math.floor(evidence.arrived_at / hourMs)
  const exposed = countOnceAnHour(ledger, stream, hour, bits.exposed, unit)
  if (test.engine === 'ceiling') return { exposed, event: exposed && isEvent }
  return { exposed, event: isEvent && countOnceAnHour(ledger, stream, hour, bits.event, unit) }
}
