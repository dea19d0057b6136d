import { PenstockError } from '../../domain/outcome/penstock-error.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { InRecord } from './transport.ts'

/** Too many records of a partition are unusable: something upstream is broken, and going on would throw its data away. */
export class TooMuchPoisonError extends PenstockError {}

export interface DeadLetterPolicy {
  /** Largest share of unusable records within the window, once `windowMin` records were seen. */
  readonly invalidRatioMax: number
  readonly windowMin: number
  readonly consecutiveMax: number
}

const defaultDeadLetterPolicy: DeadLetterPolicy = { invalidRatioMax: 0.5, windowMin: 200, consecutiveMax: 100 }

/** Counts good and unusable records per partition, and throws TooMuchPoisonError when there are too many of the latter. */
export interface DeadLetterGuard {
  good(count: number, record: { readonly topic: string; readonly partition: number }): void
  bad(record: InRecord): void
}

/** Counts what a consumer gives up, by code. */
export function countDeadLetters(metrics: Metrics, consumer: string): (code: string) => void {
  const letters = metrics.counter('penstock_dead_letters_total', 'Records that could not be used', ['consumer', 'code'])
  return (code) => letters.add(1, { consumer, code })
}

const windowMax = 10_000

export function createDeadLetterGuard(policy: DeadLetterPolicy = defaultDeadLetterPolicy): DeadLetterGuard {
  const partitions = new Map<string, { seen: number; bad: number; consecutive: number }>()
  const stateOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }) => {
    const id = `${topic}/${partition}`
    const state = partitions.get(id) ?? { seen: 0, bad: 0, consecutive: 0 }
    partitions.set(id, state)
    // Halving keeps the ratio and forgets the distant past.
    if (state.seen >= windowMax) {
      state.seen /= 2
      state.bad /= 2
    }
    return state
  }
  return {
    good(count, record) {
      const state = stateOf(record)
      state.seen += count
      if (count > 0) state.consecutive = 0
    },
    bad(record) {
      const state = stateOf(record)
      state.seen += 1
      state.bad += 1
      state.consecutive += 1
      const ratio = state.bad / state.seen
      if (
        state.consecutive <= policy.consecutiveMax &&
        (state.seen < policy.windowMin || ratio <= policy.invalidRatioMax)
      )
        return
      throw new TooMuchPoisonError(
        `${state.consecutive} unusable records in a row, ${Math.round(ratio * 100)} % of the last ${Math.round(state.seen)} on ${record.topic}/${record.partition}; last at offset ${record.offset}`,
        { code: 'TOO_MUCH_POISON' },
      )
    },
  }
}
