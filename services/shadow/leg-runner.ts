import { setTimeout as delay } from 'node:timers/promises'
import type { Resolution, Response, Variant } from '../domain/events/records.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Gauge, Metrics } from '../platform/metrics/metrics.ts'
import type { Budget, BudgetLimits, Spend } from './budget.ts'
import type { CallResult, ModelCaller, Provider } from './call-model.ts'
import { allowedCalls, type ConcurrencyPolicy } from './concurrency.ts'
import { calledResponse, costMicroUsd, type LegTask, type Price, skippedResponse, tokensToReserve } from './leg-task.ts'
import { createRouteLanes, type RouteLane, type RouteLanes } from './route-lanes.ts'

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
  /** The run has a budget in money and the model no price: none of its calls can be made. Told for every such leg. */
  onUnpriced(variant: Variant): void
  /** Called at most once per task: never for one that was disowned or cut off by stopping. */
  onResolved(task: LegTask, response: Response): void
  readonly metrics: Metrics
}

/** Runs planned legs: waits for room, budget and Redis, calls, retries what had not begun, and resolves each task once. */
export interface LegRunner {
  submit(task: LegTask): void
  observeBaseline(
    route: string,
    answer: { readonly ttftMs: number | null; readonly quotaRemaining: number | null },
  ): void
  /** Starts what may start and gives up what waited too long; called on every change and each 100 ms. */
  pump(): void
  stop(): Promise<void>
}

/** Routes with a concurrency limit of their own; above it they share one. */
const routesMax = 256
const retryPauseMs = 100
const redisPauseMs = 1_000
const retriable: ReadonlySet<string> = new Set(['connection', 'rate_limited', 'provider_5xx'])

export function createLegRunner(options: LegRunnerOptions): LegRunner {
  return new BudgetedRunner(options)
}

class BudgetedRunner implements LegRunner {
  readonly #options: LegRunnerOptions
  readonly #lanes: RouteLanes
  readonly #running = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  readonly #observed: ReturnType<typeof runnerMetrics>
  #waitingBytes = 0
  // Asked again only after a pause, so that a dead Redis costs no busy loop.
  #pausedUntilMonoMs = 0

  constructor(options: LegRunnerOptions) {
    this.#options = options
    this.#observed = runnerMetrics(options.metrics)
    options.metrics
      .gauge('penstock_shadow_waiting_bytes_limit', 'Bytes of bodies that may wait for room')
      .set(options.waitingBytesMax)
    this.#lanes = createRouteLanes(options.concurrency, routesMax)
  }

  submit(task: LegTask): void {
    if (this.#waitingBytes + task.bodyBytes > this.#options.waitingBytesMax) {
      this.#skip(task, 'skipped_backlog', 'waiting_bytes')
      return
    }
    this.#lanes.of(task.route).waiting.push(task)
    this.#waitingBytes += task.bodyBytes
    this.pump()
  }

  observeBaseline(
    route: string,
    answer: { readonly ttftMs: number | null; readonly quotaRemaining: number | null },
  ): void {
    this.#lanes.observe(route, answer, this.#options.clock.monoMs())
  }

  pump(): void {
    const { clock, concurrency } = this.#options
    for (const [, lane] of this.#lanes.all()) this.#giveUpLate(lane)
    while (!this.#stopping.signal.aborted && clock.monoMs() >= this.#pausedUntilMonoMs) {
      const next = this.#lanes.next(concurrency.max)
      if (next === null) break
      this.#start(next.task, next.lane)
    }
    let waiting = 0
    for (const [route, lane] of this.#lanes.all()) {
      waiting += lane.waiting.length
      this.#observed.limit.set(allowedCalls(lane.concurrency), { route })
    }
    this.#observed.running.set(this.#running.size)
    this.#observed.waiting.set(waiting)
    this.#observed.waitingBytes.set(this.#waitingBytes)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled([...this.#running])
  }

  #start(task: LegTask, lane: RouteLane): void {
    this.#waitingBytes -= task.bodyBytes
    lane.running += 1
    const run: Promise<void> = this.#run(task, lane).finally(() => {
      lane.running -= 1
      this.#running.delete(run)
      this.pump()
    })
    this.#running.add(run)
  }

  #giveUpLate(lane: RouteLane): void {
    for (;;) {
      const oldest = lane.waiting[0]
      if (oldest === undefined || (!oldest.disowned.aborted && !this.#isLate(oldest, 0))) return
      lane.waiting.shift()
      this.#waitingBytes -= oldest.bodyBytes
      if (!oldest.disowned.aborted) this.#skip(oldest, 'skipped_backlog', 'too_late')
    }
  }

  /** Whether a call that starts after a pause would start too late. */
  #isLate(task: LegTask, pauseMs: number): boolean {
    return this.#options.clock.monoMs() + pauseMs > task.startByMonoMs
  }

  #skip(task: LegTask, resolution: Resolution, why: string) {
    this.#options.onResolved(task, skippedResponse(task, resolution, why, this.#options.clock.nowMs()))
  }

  /** Nobody waits for the leg here any more: this process stops, or the partition has another owner, who resolves it. */
  #givenUp(task: LegTask): boolean {
    return this.#stopping.signal.aborted || task.disowned.aborted
  }

  async #run(task: LegTask, lane: RouteLane): Promise<void> {
    const provider = this.#options.provider(task.variant)
    const limits = this.#options.limits(task.place.run)
    const price = this.#options.price(task.variant)
    if (task.disowned.aborted) return
    if (provider === null) return this.#skip(task, 'shadow_infrastructure', 'unknown_provider')
    if (!provider.operations.has(task.operation)) return this.#skip(task, 'skipped_policy', 'operation')
    if (limits === null) return this.#skip(task, 'shadow_infrastructure', 'run_ended')
    if (price === null) {
      this.#options.onUnpriced(task.variant)
      return this.#skip(task, 'skipped_budget', 'no_price')
    }
    const ended = await this.#callWithRetries(task, { provider, limits, price })
    if (this.#givenUp(task)) return
    switch (ended.kind) {
      case 'away':
        return this.#putBack(task, lane)
      case 'skipped':
        return this.#skip(task, ended.resolution, ended.why)
      case 'called':
        return this.#options.onResolved(task, calledResponse(task, provider, ended.result, price, ended.attempt))
    }
  }

  #putBack(task: LegTask, lane: RouteLane): void {
    this.#pausedUntilMonoMs = this.#options.clock.monoMs() + redisPauseMs
    lane.waiting.unshift(task)
    this.#waitingBytes += task.bodyBytes
  }

  async #callWithRetries(task: LegTask, to: Destination): Promise<Ended> {
    const signal = AbortSignal.any([this.#stopping.signal, task.disowned])
    let last: Ended | null = null
    for (let attempt = 1; ; attempt += 1) {
      const ended = await this.#attempt(task, to, attempt, signal)
      // What comes in the way of a repetition leaves the answer that there was.
      if (ended.kind !== 'called') return last ?? ended
      last = ended
      const { result } = ended
      const again = result.outcome === 'failed' && !result.begun && retriable.has(result.errorClass ?? '')
      const pauseMs = Math.max(retryPauseMs * 2 ** (attempt - 1), result.retryAfterMs ?? 0)
      if (!again || attempt > this.#options.retriesMax || this.#isLate(task, pauseMs)) return ended
      await delay(pauseMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted || this.#isLate(task, 0)) return ended
    }
  }

  /** One call with a reservation of its own. */
  async #attempt(task: LegTask, to: Destination, attempt: number, signal: AbortSignal): Promise<Ended> {
    const { budget, caller } = this.#options
    const { run } = task.place
    const { input, output } = tokensToReserve(task)
    const estimate = { microUsd: costMicroUsd(to.price, input, output), tokens: input + output }
    const reservedAtMs = this.#options.clock.nowMs()
    const reserved = await budget.reserve(run, to.limits, estimate, reservedAtMs)
    this.#observed.paused.set(reserved === 'away' ? 1 : 0, { why: 'redis_away' })
    this.#observed.paused.set(reserved.startsWith('exhausted') ? 1 : 0, { why: 'budget' })
    if (reserved === 'away') return { kind: 'away' }
    if (reserved !== 'reserved') return { kind: 'skipped', resolution: 'skipped_budget', why: reserved }
    // Redis may have taken its time.
    if (signal.aborted || this.#isLate(task, 0)) {
      await budget.settle(run, estimate, nothing, reservedAtMs)
      return { kind: 'skipped', resolution: 'skipped_backlog', why: 'too_late' }
    }
    const requestId = `${task.exchangeId}-${task.arm}-${attempt}`
    const { operation, body, headers, timeoutMs } = task
    const result = await caller.call(to.provider, { operation, body, headers, timeoutMs, requestId, signal })
    const spent = calledResponse(task, to.provider, result, to.price, attempt)
    const known = {
      microUsd: spent.cost_micro_usd ?? 0,
      tokens: (spent.input_tokens ?? 0) + (spent.output_tokens ?? 0),
    }
    const actual = spent.cost_micro_usd === null ? (result.maybeCharged ? estimate : nothing) : known
    await budget.settle(run, estimate, actual, reservedAtMs)
    return { kind: 'called', result, attempt }
  }
}

const nothing: Spend = { microUsd: 0, tokens: 0 }

/** Where a leg's calls go and what they may cost. */
interface Destination {
  readonly provider: Provider
  readonly limits: BudgetLimits
  readonly price: Price
}

type Ended =
  | { readonly kind: 'called'; readonly result: CallResult; readonly attempt: number }
  | { readonly kind: 'skipped'; readonly resolution: 'skipped_budget' | 'skipped_backlog'; readonly why: string }
  | { readonly kind: 'away' }

function runnerMetrics(metrics: Metrics): {
  running: Gauge
  waiting: Gauge
  limit: Gauge
  waitingBytes: Gauge
  paused: Gauge
} {
  return {
    running: metrics.gauge('penstock_shadow_running_calls', 'Shadow calls under way'),
    waiting: metrics.gauge('penstock_shadow_waiting_calls', 'Shadow calls waiting for room'),
    limit: metrics.gauge('penstock_shadow_calls_limit', 'Shadow calls allowed at once now', ['route']),
    waitingBytes: metrics.gauge('penstock_shadow_waiting_bytes', 'Bytes of bodies waiting for room'),
    paused: metrics.gauge('penstock_shadow_paused', '1 while no call may start, by reason', ['why']),
  }
}
