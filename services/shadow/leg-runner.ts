import type { Response, Variant } from '../domain/events/records.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Counter, Gauge, Metrics } from '../platform/metrics/metrics.ts'
import type { Budget, BudgetLimits } from './budget.ts'
import type { CallResult, ModelCaller, Provider } from './call-model.ts'
import {
  allowedCalls,
  type ConcurrencyPolicy,
  type ConcurrencyState,
  createConcurrency,
  observeBaseline,
} from './concurrency.ts'
import { calledResponse, costMicroUsd, estimateTokens, type LegTask, type Price, skippedResponse } from './leg-task.ts'

/** What a leg's run needs to know beyond the task. */
export interface LegRunnerOptions {
  readonly clock: Clock
  readonly caller: ModelCaller
  readonly budget: Budget
  readonly concurrency: ConcurrencyPolicy
  readonly retriesMax: number
  /** Bytes of request bodies that may wait at a time; more are skipped at once. */
  readonly waitingBytesMax: number
  provider(variant: Variant): Provider | null
  price(variant: Variant): Price | null
  limits(run: string): BudgetLimits | null
  /** Called exactly once per task. */
  onResolved(task: LegTask, response: Response): void
  readonly metrics: Metrics
}

/** Runs planned legs: waits for room, budget and Redis, calls, retries what had not begun, and resolves each task exactly once. */
export interface LegRunner {
  submit(task: LegTask): void
  observeBaseline(answer: { readonly ttftMs: number | null; readonly quotaRemaining: number | null }): void
  /** Starts what may start and gives up what waited too long; called on every change and each 100 ms. */
  pump(): void
  stop(): Promise<void>
}

const retryPauseMs = 100
const defaultOutputTokensMax = 1_000
const retriable: ReadonlySet<string> = new Set(['connection', 'rate_limited', 'provider_5xx'])

export function createLegRunner(options: LegRunnerOptions): LegRunner {
  const { clock, metrics } = options
  const waiting: LegTask[] = []
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()
  let waitingBytes = 0
  let concurrency: ConcurrencyState = createConcurrency(options.concurrency)
  // Asked again only after a pause, so that a spent budget or a dead Redis costs no busy loop.
  let pausedUntilMonoMs = 0
  const observed = runnerMetrics(metrics)

  const pump = () => {
    giveUpLate()
    while (
      !stopping.signal.aborted &&
      clock.monoMs() >= pausedUntilMonoMs &&
      running.size < allowedCalls(concurrency)
    ) {
      const task = waiting.shift()
      if (task === undefined) break
      waitingBytes -= task.bodyBytes
      const run: Promise<void> = runTask(task).finally(() => {
        running.delete(run)
        pump()
      })
      running.add(run)
    }
    observed.running.set(running.size)
    observed.waiting.set(waiting.length)
    observed.limit.set(allowedCalls(concurrency))
  }

  const giveUpLate = () => {
    for (;;) {
      const oldest = waiting[0]
      if (oldest === undefined || oldest.startByMonoMs > clock.monoMs()) return
      waiting.shift()
      waitingBytes -= oldest.bodyBytes
      skip(oldest, 'skipped_backlog', null)
    }
  }

  const skip = (
    task: LegTask,
    resolution: 'skipped_backlog' | 'skipped_budget' | 'shadow_infrastructure',
    why: string | null,
  ) => {
    observed.legs.add(1, { resolution })
    options.onResolved(task, skippedResponse(task, resolution, why, clock.nowMs()))
  }

  const runTask = async (task: LegTask): Promise<void> => {
    const provider = options.provider(task.variant)
    const limits = options.limits(task.place.run)
    if (provider === null || limits === null)
      return skip(task, 'shadow_infrastructure', provider === null ? 'unknown_provider' : 'run_ended')
    const price = options.price(task.variant)
    const estimate = costMicroUsd(price, estimateTokens(task.bodyBytes), outputTokensMax(task)) ?? 0
    const reserved = await options.budget.reserve(task.place.run, limits, estimate)
    observed.paused.set(reserved === 'reserved' ? 0 : 1, { why: reserved === 'away' ? 'redis_away' : 'budget' })
    if (reserved === 'away') return putBack(task)
    if (reserved !== 'reserved') return skip(task, 'skipped_budget', reserved)
    const { result, attempt } = await callWithRetries(task, provider)
    // A call that our own stopping cut off says nothing about the model: the leg stays open and is asked again after the restart.
    if (stopping.signal.aborted) return
    const response = calledResponse(task, provider, result, price, task.attemptBase, attempt)
    await options.budget.settle(task.place.run, estimate, response.cost_micro_usd ?? 0)
    observed.legs.add(1, { resolution: response.resolution })
    options.onResolved(task, response)
  }

  const putBack = (task: LegTask) => {
    pausedUntilMonoMs = clock.monoMs() + 1_000
    waiting.unshift(task)
    waitingBytes += task.bodyBytes
  }

  const callWithRetries = async (
    task: LegTask,
    provider: Provider,
  ): Promise<{ result: CallResult; attempt: number }> => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await options.caller.call(provider, task.body, {
        timeoutMs: task.timeoutMs,
        requestId: `${task.exchangeId}-${task.arm}-${attempt}`,
        signal: stopping.signal,
      })
      const again = result.outcome === 'failed' && !result.begun && retriable.has(result.errorClass ?? '')
      if (!again || attempt > options.retriesMax || clock.monoMs() + retryPauseMs >= task.startByMonoMs)
        return { result, attempt }
      await new Promise((resolve) => setTimeout(resolve, retryPauseMs * 2 ** (attempt - 1)))
    }
  }

  return {
    submit(task) {
      if (waitingBytes + task.bodyBytes > options.waitingBytesMax) return skip(task, 'skipped_backlog', 'waiting_bytes')
      waiting.push(task)
      waitingBytes += task.bodyBytes
      pump()
    },
    observeBaseline(answer) {
      concurrency = observeBaseline(concurrency, options.concurrency, answer, clock.monoMs())
    },
    pump,
    async stop() {
      stopping.abort()
      await Promise.allSettled([...running])
    },
  }
}

function outputTokensMax(task: LegTask): number {
  const limit = task.body['max_completion_tokens'] ?? task.body['max_tokens']
  return typeof limit === 'number' && limit > 0 ? limit : defaultOutputTokensMax
}

function runnerMetrics(metrics: Metrics): {
  legs: Counter
  running: Gauge
  waiting: Gauge
  limit: Gauge
  paused: Gauge
} {
  return {
    legs: metrics.counter('penstock_shadow_legs_total', 'Planned shadow legs by how they were resolved', [
      'resolution',
    ]),
    running: metrics.gauge('penstock_shadow_running_calls', 'Shadow calls under way'),
    waiting: metrics.gauge('penstock_shadow_waiting_calls', 'Shadow calls waiting for room'),
    limit: metrics.gauge('penstock_shadow_calls_limit', 'Shadow calls allowed at once now'),
    paused: metrics.gauge('penstock_shadow_paused', '1 while no call may start, by reason', ['why']),
  }
}
