import { unitsEntered } from './advance-looks.ts'
import type { AdvanceState } from './advance-state.ts'
import { marginValue } from './margin-value.ts'
import type { AdvanceTest, Frozen } from './plan.ts'
import { amount, nameOf, points } from './sentence-parts.ts'
import type { StageView } from './stage-view.ts'

/** True when the frontier has passed the longest time that the stage may last, and no person has said yes to it. */
export function isOverdue(stage: StageView, enteredThroughMs: number): boolean {
  return stage.deadlineMs != null && enteredThroughMs >= stage.deadlineMs && !stage.approved
}

/**
 * The smallest margin that the units there are could show: information grows with the units, and ((z_α + z_β)/M)² of it are needed, so
 * M* = M·√(required / entered). Null for means, and before the first unit.
 */
export function visibleDifference(
  test: AdvanceTest,
  state: AdvanceState,
  frozen: Frozen | null,
  required: number,
): string | null {
  const margin = marginValue(test, frozen)
  const entered = unitsEntered(test, state)
  if (margin === null || entered === 0) return null
  const seen = margin * Math.sqrt(required / entered)
  const units = test.engine === 'farrington_manning' ? 'units of the candidate' : 'pairs'
  const [least, asked] =
    test.engine === 'paired_mean'
      ? [amount(seen), amount(margin)]
      : [points(seen), points(margin).replace(' points', '')]
  return `${entered} ${units} can show a difference of ${least} in ${nameOf(test)}; the margin is ${asked}`
}
