import type { AdvanceTest, HarmTest } from './plan.ts'

/** A question as people read it: metric, comparison and slice. */
export function nameOf(test: Pick<AdvanceTest | HarmTest, 'metric' | 'comparison' | 'slice'>): string {
  return `${test.metric} on ${test.comparison}${test.slice === null ? '' : ` in ${test.slice.key} = ${test.slice.value}`}`
}

/** A difference of rates. */
export function points(difference: number): string {
  return `${(difference * 100).toFixed(1)} points`
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** An amount in its metric's unit, three digits. */
export function amount(value: number): string {
  return String(Number(value.toPrecision(3)))
}
