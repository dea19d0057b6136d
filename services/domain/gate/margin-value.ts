import type { AdvanceTest, Frozen } from './plan.ts'

/** The margin as a number; a relative one needs what calibration froze, and is null before that. */
export function marginValue(
  test: { readonly metric: string; readonly margin: AdvanceTest['margin'] },
  frozen: Frozen | null,
): number | null {
  if (test.margin.kind === 'absolute') return test.margin.value
  const baseline = frozen?.baselineValues[test.metric]
  return baseline === undefined ? null : Math.max(test.margin.floor, test.margin.factor * baseline)
}
