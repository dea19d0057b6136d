import type { Clock } from '../../domain/time/clock.ts'
import type { Logger } from '../log/logger.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Health } from './health.ts'
import type { Timers } from './timers.ts'

/** Anything that must be let go of in reverse order of start. */
export interface Stoppable {
  stop(): Promise<void>
}

/**
 * The life of one process (or of one service inside the standalone process): ordered start, reverse-order stop with a deadline,
 * one path for signals, crashes and unhandled rejections.
 */
export interface Scope {
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  readonly timers: Timers
  /** Aborts when stopping begins. */
  readonly signal: AbortSignal
  /** Starts a resource and registers its stop; if `start` rejects, everything started before is stopped in reverse and the process fails. */
  use<T extends Stoppable>(name: string, start: () => Promise<T> | T): Promise<T>
  /** Registers a stop for something already started. */
  onStop(name: string, stop: () => Promise<void> | void): void
  /** Ends the process with exit code 1 after an ordered stop: for a crashed consumer and for broken invariants. */
  fail(cause: unknown): void
  /** What `/livez` and `/readyz` answer from. */
  readonly health: Health
  /** A child scope for one service in a larger process: own logger name and metric labels, stopped with the parent. */
  child(name: string): Scope
}
