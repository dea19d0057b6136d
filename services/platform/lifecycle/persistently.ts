import { PenstockError } from '../../domain/outcome/penstock-error.ts'
import type { Logger } from '../log/logger.ts'
import type { Health } from './health.ts'
import type { Timers } from './timers.ts'

const firstPauseMs = 200
const longestPauseMs = 5_000

/**
 * Tries until it works: what is retriable (a broker, store or registry that is away) is waited out, however long. Everything else rejects at once,
 * and so does the end of the process. For steps that nothing can go on without and that nobody else waits for.
 */
export async function persistently<T>(
  what: string,
  act: () => Promise<T> | T,
  options: {
    readonly signal: AbortSignal
    readonly log: Logger
    readonly timers: Timers
    /** Told of each attempt: the service waits for something outside, and what it waits for is a reason not to be ready. */
    readonly health?: Pick<Health, 'waits'>
    onRetry?(): void
  },
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      const done = await act()
      options.health?.waits(what, null)
      return done
    } catch (error) {
      if (!(error instanceof PenstockError) || !error.retriable || options.signal.aborted) throw error
      options.onRetry?.()
      options.health?.waits(what, error.message)
      options.log.warn({ err: error.message }, `${what}: not done; trying again`)
      await options.timers.wait(pauseMs, options.signal)
    }
  }
}
