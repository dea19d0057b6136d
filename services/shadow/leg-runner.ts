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
const redisPauseMs = 1_000
const defaultOutputTokensMax = 1_000
const retriable: ReadonlySet<string> = new Set(['connection', 'rate_limited', 'provider_5xx'])

export function createLegRunner(options: LegRunnerOptions): LegRunner {
  return new BudgetedRunner(options)
}

class BudgetedRunner implements LegRunner {
  readonly #options: LegRunnerOptions
  readonly #waiting: LegTask[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  readonly #observed: ReturnType<typeof runnerMetrics>
  #waitingBytes = 0
  #concurrency: ConcurrencyState
  // Asked again only after a pause, so that a spent budget or a dead Redis costs no busy loop.
  #pausedUntilMonoMs = 0

  constructor(options: LegRunnerOptions) {
    this.#options = options
    this.#observed = runnerMetrics(options.metrics)
    this.#concurrency = createConcurrency(options.concurrency)
  }

  submit(task: LegTask): void {
    if (this.#waitingBytes + task.bodyBytes > this.#options.waitingBytesMax) {
      this.#skip(task, 'skipped_backlog', 'waiting_bytes')
      return
    }
    this.#waiting.push(task)
    this.#waitingBytes += task.bodyBytes
    this.pump()
  }

  observeBaseline(answer: { readonly ttftMs: number | null; readonly quotaRemaining: number | null }): void {
    const { concurrency, clock } = this.#options
    this.#concurrency = observeBaseline(this.#concurrency, concurrency, answer, clock.monoMs())
  }

  pump(): void {
    const { clock } = this.#options
    this.#giveUpLate()
    while (
      !this.#stopping.signal.aborted &&
      clock.monoMs() >= this.#pausedUntilMonoMs &&
      this.#running.size < allowedCalls(this.#concurrency)
    ) {
      const task = this.#waiting.shift()
      if (task === undefined) break
      this.#waitingBytes -= task.bodyBytes
      const run: Promise<void> = this.#run(task).finally(() => {
        this.#running.delete(run)
        this.pump()
      })
      this.#running.add(run)
    }
    this.#observed.running.set(this.#running.size)
    this.#observed.waiting.set(this.#waiting.length)
    this.#observed.limit.set(allowedCalls(this.#concurrency))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled([...this.#running])
  }

  #giveUpLate(): void {
    for (;;) {
      const oldest = this.#waiting[0]
      if (oldest === undefined || oldest.startByMonoMs > this.#options.clock.monoMs()) return
      this.#waiting.shift()
      this.#waitingBytes -= oldest.bodyBytes
      this.#skip(oldest, 'skipped_backlog', null)
    }
  }

  #skip(task: LegTask, resolution: 'skipped_backlog' | 'skipped_budget' | 'shadow_infrastructure', why: string | null) {
    this.#observed.legs.add(1, { resolution })
    this.#options.onResolved(task, skippedResponse(task, resolution, why, this.#options.clock.nowMs()))
  }

  async #run(task: LegTask): Promise<void> {
    const { budget } = this.#options
    const { run } = task.place
    const provider = this.#options.provider(task.variant)
    const limits = this.#options.limits(run)
    if (provider === null) return this.#skip(task, 'shadow_infrastructure', 'unknown_provider')
    if (limits === null) return this.#skip(task, 'shadow_infrastructure', 'run_ended')
    const price = this.#options.price(task.variant)
    const estimate = costMicroUsd(price, estimateTokens(task.bodyBytes), outputTokensMax(task)) ?? 0
    const reserved = await budget.reserve(run, limits, estimate)
    this.#observed.paused.set(reserved === 'away' ? 1 : 0, { why: 'redis_away' })
    this.#observed.paused.set(reserved.startsWith('exhausted') ? 1 : 0, { why: 'budget' })
    if (reserved === 'away') return this.#putBack(task)
    if (reserved !== 'reserved') return this.#skip(task, 'skipped_budget', reserved)
    const { result, attempt } = await this.#callWithRetries(task, provider)
    // A call that our own stopping cut off says nothing about the model: the leg stays open and is asked again after the restart.
    if (this.#stopping.signal.aborted) return
    const response = calledResponse(task, provider, result, price, task.attemptBase, attempt)
    await budget.settle(run, estimate, response.cost_micro_usd ?? 0)
    this.#observed.legs.add(1, { resolution: response.resolution })
    this.#options.onResolved(task, response)
  }

  #putBack(task: LegTask): void {
    this.#pausedUntilMonoMs = this.#options.clock.monoMs() + redisPauseMs
    this.#waiting.unshift(task)
    this.#waitingBytes += task.bodyBytes
  }

  async #callWithRetries(task: LegTask, provider: Provider): Promise<{ result: CallResult; attempt: number }> {
    const { caller, clock, retriesMax } = this.#options
    for (let attempt = 1; ; attempt += 1) {
      const result = await caller.call(provider, task.body, {
        timeoutMs: task.timeoutMs,
        requestId: `${task.exchangeId}-${task.arm}-${attempt}`,
        signal: this.#stopping.signal,
      })
      const again = result.outcome === 'failed' && !result.begun && retriable.has(result.errorClass ?? '')
      const late = clock.monoMs() + retryPauseMs >= task.startByMonoMs
      if (!again || attempt > retriesMax || late) return { result, attempt }
      await new Promise((resolve) => setTimeout(resolve, retryPauseMs * 2 ** (attempt - 1)))
    }
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
