import { PenstockError } from '../../domain/outcome/penstock-error.ts'
import type { Health } from '../lifecycle/health.ts'
import type { Timers } from '../lifecycle/timers.ts'
import type { Logger } from '../log/logger.ts'
import type { OutRecord, Producer, Written } from './transport.ts'

const firstPauseMs = 100
const longestPauseMs = 2_000

const waiting = 'sending output'

/**
 * Sends until the broker has acknowledged: passing faults are waited out, however long, and only a record that can never be accepted or the end
 * of the process rejects. For outputs that inputs' offsets follow: nothing is committed meanwhile, so nothing is lost.
 */
export async function sendPersistently(
  producer: Producer,
  records: readonly OutRecord[],
  options: {
    readonly signal: AbortSignal
    readonly log: Logger
    readonly timers: Timers
    readonly health?: Pick<Health, 'waits'>
  },
): Promise<readonly Written[]> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      const written = await producer.send(records)
      options.health?.waits(waiting, null)
      return written
    } catch (cause) {
      const retriable = cause instanceof PenstockError && cause.retriable
      if (!retriable || options.signal.aborted) throw cause
      options.health?.waits(waiting, cause.message)
      options.log.warn({ topic: records[0]?.topic, err: cause.message }, 'output not acknowledged; trying again')
      await options.timers.wait(pauseMs, options.signal)
    }
  }
}
