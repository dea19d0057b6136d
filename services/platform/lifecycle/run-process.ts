import { flushCompileCache } from 'node:module'
import { createAdminServer } from '../http/admin-server.ts'
import { describe } from '../log/error-text.ts'
import { createPinoLogger } from '../log/pino-logger.ts'
import { createPrometheusMetrics } from '../metrics/prometheus-metrics.ts'
import { systemClock } from './clocks.ts'
import { showProcess } from './process-metrics.ts'
import { createScope } from './process-scope.ts'
import type { Scope } from './scope.ts'

export interface ProcessOptions {
  readonly name: string
  readonly logLevel: string
  /** Port of /livez, /readyz and /metrics; 0 picks a free one, null opens none. */
  readonly adminPort: number | null
  readonly deadlineMs?: number
}

const defaultDeadlineMs = 10_000

/**
 * Runs one process: start in order, then wait for a signal or a failure, then stop in reverse order within the deadline.
 * Exit code 0 after a signal, 1 after a failure or an unclean stop. A second signal ends the process at once.
 */
export async function runProcess(options: ProcessOptions, start: (scope: Scope) => Promise<void>): Promise<never> {
  const log = createPinoLogger({ name: options.name, level: options.logLevel })
  const scope = createScope({
    log,
    metrics: createPrometheusMetrics(),
    clock: systemClock,
    deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
  })
  const signalled = new Promise<'signal'>((resolve) => {
    let seen = false
    const onSignal = () => {
      if (seen) process.exit(1)
      seen = true
      resolve('signal')
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
  process.on('unhandledRejection', (cause) => scope.fail(cause))
  process.on('uncaughtException', (cause) => scope.fail(cause))
  let code = 0
  let started = false
  const report = () => {
    const now = scope.report()
    if (started) return now
    return { ...now, unready: [{ name: 'start', why: 'not all of it has started' }, ...now.unready] }
  }
  scope.onStop('process metrics', showProcess(scope.metrics, scope.timers, report))
  try {
    if (options.adminPort !== null) {
      const port = options.adminPort
      await scope.use('admin', () => createAdminServer({ port, metrics: scope.metrics, report }))
    }
    const startup = start(scope)
    startup.catch(() => undefined)
    const early = await Promise.race([
      startup.then(() => 'started' as const),
      scope.failed.then(() => 'failed' as const),
      signalled,
    ])
    started = early === 'started'
    if (started) {
      log.info({}, 'started')
      // Where NODE_COMPILE_CACHE names a folder: written now, since whoever is killed writes nothing at its end.
      flushCompileCache()
    }
    const end =
      early === 'started' ? await Promise.race([scope.failed.then(() => 'failed' as const), signalled]) : early
    if (end === 'failed') code = 1
  } catch (error) {
    log.error({ err: describe(error) }, 'could not start')
    code = 1
  }
  const errors = await scope.stop()
  log.info({ clean: errors.length === 0 }, 'stopped')
  process.exit(errors.length > 0 ? 1 : code)
}
