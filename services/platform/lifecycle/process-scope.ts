import type { Clock } from '../../domain/time/clock.ts'
import { describe } from '../log/error-text.ts'
import type { Logger } from '../log/logger.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { createHealth, type Health, type HealthReport } from './health.ts'
import type { Scope } from './scope.ts'
import { systemTimers, type Timers } from './timers.ts'

interface Started {
  readonly name: string
  readonly stop: () => Promise<void> | void
}

/** A scope together with what its owner may do with it. */
export interface OwnedScope extends Scope {
  /** Stops everything in reverse order of start, each at most `deadlineMs` in all; returns the errors met. Safe to call twice. */
  stop(): Promise<readonly unknown[]>
  /** The first failure reported by anything in the scope; settles once. */
  readonly failed: Promise<unknown>
  /** While it stops, it is not ready and is let live: what it does has its own deadline. */
  report(): HealthReport
}

export interface ScopeOptions {
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  /** Default: those of the system. */
  readonly timers?: Timers
  readonly deadlineMs: number
}

export function createScope(options: ScopeOptions): OwnedScope {
  const stopper = new AbortController()
  const started: Started[] = []
  const health = createHealth(options.clock)
  let stopping: Promise<readonly unknown[]> | null = null
  let reportFailure: (cause: unknown) => void = () => undefined
  const failed = new Promise<unknown>((resolve) => {
    reportFailure = resolve
  })

  const stop = () => {
    stopping ??= stopAll(started, options, stopper)
    return stopping
  }

  const scopeFor = (log: Logger, prefix: string, own: Health): Scope => ({
    log,
    metrics: options.metrics,
    clock: options.clock,
    timers: options.timers ?? systemTimers,
    signal: stopper.signal,
    async use(name, start) {
      stopper.signal.throwIfAborted()
      const isStarted = own.ready(name, () => 'it is being started')
      const resource = await start()
      isStarted()
      started.push({ name: prefix + name, stop: () => resource.stop() })
      // Stopping may have begun while this was starting: then nobody else would ever stop it.
      if (stopper.signal.aborted) {
        started.pop()
        await resource.stop()
        stopper.signal.throwIfAborted()
      }
      return resource
    },
    onStop: (name, stopIt) => void started.push({ name: prefix + name, stop: stopIt }),
    fail(cause) {
      log.error({ err: describe(cause) }, 'failed; stopping')
      reportFailure(cause)
    },
    health: own,
    child: (name) => scopeFor(log.child({ service: name }), `${prefix}${name}/`, own.child(name)),
  })

  return {
    ...scopeFor(options.log, '', health),
    stop,
    failed,
    report() {
      const { unlive, unready, notes } = health.report()
      if (!stopper.signal.aborted) return { unlive, unready, notes }
      return { unlive: [], unready: [{ name: 'stopping', why: 'the process ends' }, ...unready], notes }
    },
  }
}

async function stopAll(
  started: Started[],
  options: ScopeOptions,
  stopper: AbortController,
): Promise<readonly unknown[]> {
  stopper.abort()
  const errors: unknown[] = []
  const endAtMs = options.clock.monoMs() + options.deadlineMs
  for (let last = started.pop(); last !== undefined; last = started.pop()) {
    try {
      await withDeadline(last, Math.max(50, endAtMs - options.clock.monoMs()))
    } catch (error) {
      errors.push(error)
      options.log.error({ part: last.name, err: describe(error) }, 'could not stop cleanly')
    }
  }
  return errors
}

async function withDeadline(part: Started, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${part.name} did not stop within ${Math.round(withinMs)} ms`)), withinMs)
  })
  try {
    await Promise.race([part.stop(), late])
  } finally {
    clearTimeout(timer)
  }
}
