import { createRecentIds, type RecentIds } from '../domain/events/recent-ids.ts'
import type { Arm, Place, Records, Request, Response, ShadowPlan, Split } from '../domain/events/records.ts'
import { planShadow } from '../domain/sampling/plan-shadow.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import { type BrokerTime, createBrokerTime } from '../platform/kafka/broker-time.ts'
import { createLowWatermark, type LowWatermark } from '../platform/kafka/low-watermark.ts'
import { createSendRoom, type SendRoom } from '../platform/kafka/send-room.ts'
import type { InRecord, OutRecord, Producer, RecordBatch, TopicPartition } from '../platform/kafka/transport.ts'
import type { Logger } from '../platform/log/logger.ts'
import { type ExchangeFields, traceFields } from '../platform/log/trace-fields.ts'
import type { Counter, Metrics } from '../platform/metrics/metrics.ts'
import { fittingResponse, recordTextBytesMax } from '../platform/model-api/fitting-response.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { type AwaitedAnswers, createAwaitedAnswers } from './awaited-answers.ts'
import type { LegRunner } from './leg-runner.ts'
import { type AllowedProviders, admitLeg, type LegTask, type PromptOf, skippedResponse } from './leg-task.ts'
import type { Takeover } from './own-records.ts'
import type { RouteView } from './route-view.ts'

/** What the planner needs from the outside. */
export interface ShadowServiceDeps {
  /** Decoding waits a registry out that is away. */
  readonly codec: Codec<Records>
  readonly producer: Producer
  readonly clock: Clock
  readonly view: RouteView
  readonly runner: LegRunner
  readonly metrics: Metrics
  readonly log: Logger
  readonly allowedProviders: AllowedProviders
  readonly promptOf: PromptOf
  /** A record that cannot be used: resolves when its dead letter is acknowledged; throws when there is too much of it. */
  deadLetter(record: InRecord, code: string, reason: string): Promise<void>
  /** Called for every record that could be used, so that the share of the others is known. */
  usable(record: InRecord): void
  /** A produced record was refused for good (not for a passing fault). `of` names its exchange in the log. */
  onLost(cause: unknown, of: NamedExchange): void
  /** Bytes of plans and answers that may be without an acknowledgement; above it no more requests are read. Default 16 MiB. */
  readonly unacknowledgedBytesMax?: number
}

type NamedExchange = ExchangeFields & { readonly route: string }

/** Plans each request of a run once and follows its legs; the log is the store of plans, answers and unfinished legs. */
export interface ShadowService {
  onBatch(batch: RecordBatch): Promise<void>
  /** `takeovers` says what former owners of each partition have written already. */
  onAssigned(partitions: readonly TopicPartition[], takeovers: ReadonlyMap<number, Takeover>): void
  onRevoked(partitions: readonly TopicPartition[]): void
  /** Tells the append time of a record read elsewhere. */
  observeAppend(appendMs: number): void
  /** The runner resolved a task: send its one Response and close the exchange when it was the last leg. */
  onResolved(task: LegTask, response: Response): void
  /** Offsets below which everything is planned, answered and acknowledged. */
  commitOffsets(): readonly { readonly topic: string; readonly partition: number; readonly offset: number }[]
}

interface PartitionState {
  readonly watermark: LowWatermark
  readonly takeover: Takeover
  /** Requests that were dealt with: a tap may send one twice. */
  readonly seen: RecentIds
  readonly disowned: AbortController
}

interface OpenExchange {
  readonly named: NamedExchange
  readonly state: PartitionState
  readonly offset: number
  /** Acknowledgements still to come. */
  left: number
}

const rememberedMax = 100_000
const defaultUnacknowledgedBytesMax = 16 * 1024 * 1024

export function createShadowService(deps: ShadowServiceDeps): ShadowService {
  return new LoggedPlanner(deps)
}

class LoggedPlanner implements ShadowService {
  readonly #deps: ShadowServiceDeps
  readonly #states = new Map<number, PartitionState>()
  readonly #open = new Map<string, OpenExchange>()
  readonly #brokerTime: BrokerTime
  readonly #awaited: AwaitedAnswers = createAwaitedAnswers(rememberedMax)
  readonly #legs: Counter
  readonly #out: SendRoom

  constructor(deps: ShadowServiceDeps) {
    this.#deps = deps
    const bytesMax = deps.unacknowledgedBytesMax ?? defaultUnacknowledgedBytesMax
    this.#out = createSendRoom(deps.producer, bytesMax)
    deps.metrics
      .gauge('penstock_shadow_unacknowledged_bytes_limit', 'Unacknowledged bytes at which no more requests are read')
      .set(bytesMax)
    this.#brokerTime = createBrokerTime(deps.clock)
    this.#legs = deps.metrics.counter(
      'penstock_shadow_legs_total',
      'Planned shadow legs by how they were resolved and why',
      ['resolution', 'why'],
    )
  }

  async onBatch(batch: RecordBatch): Promise<void> {
    const state = this.#states.get(batch.partition)
    if (state === undefined) return
    for (const record of batch.records) {
      // What is planned is sent without waiting; a broker that answers slower than it delivers would fill the memory.
      await this.#out.free(state.disowned.signal)
      if (state.disowned.signal.aborted) return
      this.#brokerTime.observe(record.timestampMs)
      // Open until it is dealt with: a commit in between must not pass it.
      state.watermark.read(record.offset, 'open')
      // Marks of quiet partitions have no value, and are neither usable nor not.
      const decoded = record.value === null ? null : await this.#deps.codec.decode(record.value)
      if (decoded?.kind === 'bad') await this.#deps.deadLetter(record, decoded.code, decoded.reason)
      else if (decoded !== null) this.#deps.usable(record)
      if (decoded?.kind === 'record' && decoded.name === 'Response') this.#onResponse(decoded.value)
      const isOpen = decoded?.kind === 'record' && decoded.name === 'Request' && this.#onRequest(record, decoded.value)
      if (!isOpen) state.watermark.finish(record.offset)
    }
    this.#deps.runner.pump()
  }

  onAssigned(partitions: readonly TopicPartition[], takeovers: ReadonlyMap<number, Takeover>): void {
    this.onRevoked(partitions)
    for (const { partition } of partitions)
      this.#states.set(partition, {
        watermark: createLowWatermark(),
        takeover: takeovers.get(partition) ?? { below: 0, own: new Map() },
        seen: createRecentIds(rememberedMax),
        disowned: new AbortController(),
      })
  }

  onRevoked(partitions: readonly TopicPartition[]): void {
    for (const { partition } of partitions) {
      const state = this.#states.get(partition)
      if (state === undefined) continue
      state.disowned.abort()
      this.#states.delete(partition)
      for (const [id, exchange] of this.#open) if (exchange.state === state) this.#open.delete(id)
    }
  }

  observeAppend(appendMs: number): void {
    this.#brokerTime.observe(appendMs)
  }

  onResolved(task: LegTask, response: Response): void {
    const exchange = this.#open.get(task.exchangeId)
    if (exchange?.state.disowned.signal === task.disowned) this.#respond(exchange, response)
  }

  commitOffsets(): readonly { readonly topic: string; readonly partition: number; readonly offset: number }[] {
    return [...this.#states].flatMap(([partition, { watermark }]) => {
      const offset = watermark.commitOffset()
      return offset === null ? [] : [{ topic: topics.exchanges.name, partition, offset }]
    })
  }

  /** True when work on it goes on. */
  #onRequest(record: InRecord, request: Request): boolean {
    const state = this.#states.get(record.partition)
    const split = this.#deps.view.split(request.route)
    if (state === undefined || state.seen.has(request.exchange_id)) return false
    state.seen.add(request.exchange_id)
    if (split?.shadow != null && request.live_arm === 'baseline') this.#awaited.add(request.exchange_id, request.route)
    if (request.place === null) return false
    return this.#resume(state, record, request) ?? this.#plan(state, record, request, split)
  }

  /**
   * Finishes what a former owner may have begun; null when it cannot have begun anything. Whether a model had begun to answer nobody knows, and only what
   * had not may be repeated: such a leg is not called, and its Response says so.
   */
  #resume(state: PartitionState, record: InRecord, request: Request): boolean | null {
    const { below, own } = state.takeover
    const known = own.get(request.exchange_id)
    const planned = request.shadow_plan?.legs.map(({ arm }) => arm) ?? known?.planned ?? null
    if (record.offset >= below || planned === null) return null
    const missing = planned.filter((arm) => known?.answered.has(arm) !== true)
    if (missing.length === 0) return false
    const exchange = this.#openExchange(state, record, request, missing.length)
    for (const arm of missing) this.#skip(exchange, request, arm, 'interrupted')
    return true
  }

  #plan(state: PartitionState, record: InRecord, request: Request, split: Split | null): boolean {
    const id = request.exchange_id
    if (request.shadow_plan !== null) {
      const { legs, place } = request.shadow_plan
      if (legs.length === 0) return false
      const exchange = this.#openExchange(state, record, request, legs.length)
      this.#startLegs(exchange, record, request, { legs, place: place ?? request.place })
      return true
    }
    if (split === null || request.place === null) return false
    const blocked = this.#deps.view.blocked(request.route, request.place.wave)
    const plan = planShadow(request, split, { blocked, arrivalMs: record.timestampMs })
    if (plan === null) return false
    // One more than the legs: the plan itself must be acknowledged, too, before any leg begins.
    const exchange = this.#openExchange(state, record, request, plan.legs.length + 1)
    const value = this.#deps.codec.encode('ShadowPlan', plan)
    void this.#send([{ topic: topics.exchanges.name, key: id, value }], exchange).then((written) => {
      if (!written) return
      this.#acknowledged(id, exchange)
      if (!state.disowned.signal.aborted) this.#startLegs(exchange, record, request, plan)
    })
    return true
  }

  #openExchange(state: PartitionState, { offset }: InRecord, request: Request, left: number): OpenExchange {
    const { exchange_id: id, traceparent, route } = request
    const exchange = { named: { exchange: id, ...traceFields(traceparent), route }, state, offset, left }
    this.#open.set(id, exchange)
    return exchange
  }

  #startLegs(
    exchange: OpenExchange,
    record: InRecord,
    request: Request,
    { legs, place }: { readonly legs: ShadowPlan['legs']; readonly place?: Place | null },
  ): void {
    for (const { arm } of legs) this.#startLeg(exchange, record, request, arm, place ?? null)
  }

  #startLeg(exchange: OpenExchange, record: InRecord, request: Request, arm: Arm, place: Place | null): void {
    const { clock, runner, allowedProviders, promptOf, view } = this.#deps
    const split = view.split(request.route)
    const variant = variantOf(split, arm)
    if (split?.shadow == null || place === null || split.run !== place.run || variant === null) {
      this.#skip(exchange, request, arm, 'run_ended')
      return
    }
    const liveProvider = variantOf(split, request.live_arm)?.provider ?? null
    const admitted = admitLeg(request, variant, liveProvider, { allowed: allowedProviders, promptOf })
    const leg = { exchangeId: request.exchange_id, arm, variant, promptVersion: request.prompt_version }
    if (admitted.kind === 'skip') {
      this.#respond(exchange, skippedResponse(leg, 'skipped_policy', admitted.why, clock.nowMs()))
      return
    }
    const startDelayMs = Math.max(0, split.shadow.deadline_ms - split.shadow.leg_timeout_ms)
    const ageMs = Math.max(0, this.#brokerTime.nowMs() - record.timestampMs)
    runner.submit({
      ...leg,
      route: request.route,
      place,
      operation: admitted.operation,
      headers: admitted.headers,
      body: admitted.body,
      bodyBytes: request.body.length,
      startByMonoMs: clock.monoMs() + startDelayMs - ageMs,
      timeoutMs: split.shadow.leg_timeout_ms,
      disowned: exchange.state.disowned.signal,
    })
  }

  /** Resolves a leg that is our loss and not the model's. */
  #skip(exchange: OpenExchange, request: Request, arm: Arm, why: 'interrupted' | 'run_ended'): void {
    const split = this.#deps.view.split(request.route)
    const ofRun = split !== null && split.run === request.place?.run ? split : null
    const unknown = { id: arm, provider: '', model: '', prompt_version: null, parameters: {} }
    const variant = variantOf(ofRun, arm) ?? unknown
    const leg = { exchangeId: request.exchange_id, arm, variant, promptVersion: request.prompt_version }
    this.#respond(exchange, skippedResponse(leg, 'shadow_infrastructure', why, this.#deps.clock.nowMs()))
  }

  #onResponse(response: Response): void {
    if (response.leg !== 'live' || response.arm !== 'baseline') return
    const route = this.#awaited.take(response.exchange_id)
    if (route === null) return
    const ttftMs = response.first_token_at === null ? null : response.first_token_at - response.started_at
    this.#deps.runner.observeBaseline(route, { ttftMs, quotaRemaining: response.quota_remaining })
  }

  #respond(exchange: OpenExchange, response: Response): void {
    const { arm, resolution, error_class, status } = response
    this.#legs.add(1, { resolution, why: error_class ?? '' })
    // At `debug`: a spent budget or a provider that is down would fill the log; how many there are, the counter says.
    if (resolution !== 'answered')
      this.#deps.log.debug({ ...exchange.named, arm, resolution, error_class, status }, 'leg not answered')
    const value = this.#deps.codec.encode('Response', fittingResponse(response, recordTextBytesMax).response)
    void this.#send([{ topic: topics.exchanges.name, key: response.exchange_id, value }], exchange).then((written) => {
      if (written) this.#acknowledged(response.exchange_id, exchange)
    })
  }

  #acknowledged(id: string, exchange: OpenExchange): void {
    exchange.left -= 1
    if (exchange.left > 0) return
    if (this.#open.get(id) === exchange) this.#open.delete(id)
    exchange.state.watermark.finish(exchange.offset)
  }

  #send(records: readonly OutRecord[], { named }: OpenExchange): Promise<boolean> {
    return this.#out.send(records).then(
      () => true,
      (cause: unknown) => {
        this.#deps.onLost(cause, named)
        return false
      },
    )
  }
}

function variantOf(split: Split | null, arm: Arm) {
  return split?.variants.find(({ id }) => (id === split.default_variant) === (arm === 'baseline')) ?? null
}
