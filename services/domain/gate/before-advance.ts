import { formatDuration } from '../policy/units-of-measure.ts'
import type { ObstacleCheck } from './obstacles.ts'
import { stageDrift } from './stage-drift.ts'

/** What is asked once all questions have passed, before the gate permits: in this order. */
export const lastChecks: readonly ObstacleCheck[] = [wholePeriod, stageDrift]

/** Hours that were not seen may be the ones that differ. Counted on the log's clock up to the frontier, so that the controller, whose clock is ahead of it, agrees. */
function wholePeriod(
  ...[gate, { wholePeriod: period, stageName }]: Parameters<ObstacleCheck>
): ReturnType<ObstacleCheck> {
  if (period == null) return null
  const { untilMs, periodMs } = period
  const what = `whole periods of ${formatDuration(periodMs)}`
  if (untilMs === null)
    return { outcome: 'hold', code: 'WHOLE_PERIOD', reason: `stage ${stageName} lasts ${what} and has not started` }
  if (gate.enteredThroughMs >= untilMs) return null
  const until = new Date(untilMs).toISOString().slice(0, 19)
  const reason = `all questions passed; waits for the whole period until ${until}Z (${what})`
  return { outcome: 'hold', code: 'WHOLE_PERIOD', reason, notBeforeMs: untilMs }
}
