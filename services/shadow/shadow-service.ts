import { createHash } from 'node:crypto'
import type { Records, Request, Response } from '../domain/events/records.ts'
import { planShadow } from '../domain/sampling/plan-shadow.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import { createLowWatermark, type LowWatermark } from '../platform/kafka/low-watermark.ts'
import type { InRecord, OutRecord, Producer, RecordBatch, TopicPartition } from '../platform/kafka/transport.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { LegRunner } from './leg-runner.ts'
import { type AllowedProviders, admitLeg, type LegTask, skippedResponse } from './leg-task.ts'
import type { RouteView } from './route-view.ts'

/** What the planner needs from the outside. */
export interface ShadowServiceDeps {
  readonly codec: Codec<Records>
  readonly producer: Producer
  readonly clock: Clock
  readonly view: RouteView
  readonly runner: LegRunner
  readonly allowedProviders: AllowedProviders
  /** A record that cannot be used; throws when there is too much of it. */
  deadLetter(record: InRecord, code: string, reason: string): Promise<void>
  /** A produced record was refused for good (not for a passing fault). */
  onLost(cause: unknown): void
}

/** Plans each request of a run once and follows its legs; the log is the store of unfinished legs. */
export interface ShadowService {
  onBatch(batch: RecordBatch): Promise<void>
  onAssigned(partitions: readonly TopicPartition[]): void
  onRevoked(partitions: readonly TopicPartition[]): void
  /** The runner resolved a task: send its one Response and close the exchange when it was the last leg. */
  onResolved(task: LegTask, response: Response): void
  /** Offsets below which everything is planned, answered and acknowledged. */
  commitOffsets(): readonly { readonly topic: string; readonly partition: number; readonly offset: number }[]
}

interface OpenExchange {
  readonly partition: number
  readonly offset: number
  legsLeft: number
}

export function createShadowService(deps: ShadowServiceDeps): ShadowService {
  return new LoggedPlanner(deps)
}

class LoggedPlanner implements ShadowService {
  readonly #deps: ShadowServiceDeps
  readonly #watermarks = new Map<number, LowWatermark>()
  readonly #open = new Map<string, OpenExchange>()
  readonly #ages: ReturnType<typeof createAgeEstimator>

  constructor(deps: ShadowServiceDeps) {
    this.#deps = deps
    this.#ages = createAgeEstimator(deps.clock)
  }

  async onBatch(batch: RecordBatch): Promise<void> {
    const watermark = this.#watermarks.get(batch.partition) ?? createLowWatermark()
    this.#watermarks.set(batch.partition, watermark)
    for (const record of batch.records) {
      this.#ages.observe(record.timestampMs)
      const decoded = record.value === null ? null : await this.#deps.codec.decode(record.value)
      if (decoded?.kind === 'record' && decoded.name === 'Request') {
        this.#onRequest(record, decoded.value, watermark)
        continue
      }
      watermark.read(record.offset, 'done')
      if (decoded?.kind === 'record' && decoded.name === 'Response') this.#onResponse(decoded.value)
      if (decoded?.kind === 'bad') await this.#deps.deadLetter(record, decoded.code, decoded.reason)
    }
    this.#deps.runner.pump()
  }

  onAssigned(partitions: readonly TopicPartition[]): void {
    for (const { partition } of partitions) this.#watermarks.set(partition, createLowWatermark())
  }

  onRevoked(partitions: readonly TopicPartition[]): void {
    const lost = new Set(partitions.map(({ partition }) => partition))
    for (const partition of lost) this.#watermarks.delete(partition)
    for (const [id, exchange] of this.#open) if (lost.has(exchange.partition)) this.#open.delete(id)
  }

  onResolved(_task: LegTask, response: Response): void {
    this.#respond(response)
  }

  commitOffsets(): readonly { readonly topic: string; readonly partition: number; readonly offset: number }[] {
    return [...this.#watermarks].flatMap(([partition, watermark]) => {
      const offset = watermark.commitOffset()
      return offset === null ? [] : [{ topic: topics.exchanges.name, partition, offset }]
    })
  }

  #onRequest(record: InRecord, request: Request, watermark: LowWatermark): void {
    const split = this.#deps.view.split(request.route)
    if (request.shadow_plan !== null || split === null || request.place === null) {
      watermark.read(record.offset, 'done')
      return
    }
    const blocked = this.#deps.view.blocked(request.route, request.place.wave)
    const plan = planShadow(request, split, { blocked, arrivalMs: record.timestampMs })
    if (plan === null) {
      watermark.read(record.offset, 'done')
      return
    }
    watermark.read(record.offset, 'open')
    const id = request.exchange_id
    // One more than the legs: the plan itself must be acknowledged, too.
    this.#open.set(id, { partition: record.partition, offset: record.offset, legsLeft: plan.legs.length + 1 })
    const value = this.#deps.codec.encode('ShadowPlan', plan)
    void this.#send([{ topic: topics.exchanges.name, key: id, value }]).then((written) => {
      if (!written) return
      this.#legDone(id)
      for (const leg of plan.legs) this.#startLeg(record, request, leg.arm)
    })
  }

  #startLeg(record: InRecord, request: Request, arm: 'baseline' | 'candidate'): void {
    const { clock, runner, allowedProviders, view } = this.#deps
    const split = view.split(request.route)
    const baseline = split?.variants.find((variant) => variant.id === split.default_variant)
    const variant =
      arm === 'baseline' ? baseline : split?.variants.find((candidate) => candidate.id !== split.default_variant)
    if (split?.shadow == null || variant === undefined || baseline === undefined || request.place === null) {
      const unknown = { id: arm, provider: '', model: '', prompt_version: null, parameters: {} }
      const leg = { exchangeId: request.exchange_id, arm, variant: unknown, promptVersion: null }
      this.#respond(skippedResponse(leg, 'shadow_infrastructure', 'run_ended', clock.nowMs()))
      return
    }
    const admitted = admitLeg(request, variant, baseline.provider, allowedProviders)
    const leg = { exchangeId: request.exchange_id, arm, variant, promptVersion: request.prompt_version }
    if (admitted.kind === 'skip') {
      this.#respond(skippedResponse(leg, 'skipped_policy', admitted.why, clock.nowMs()))
      return
    }
    const startDelayMs = Math.max(0, split.shadow.deadline_ms - split.shadow.leg_timeout_ms)
    const attempt = createHash('sha256').update(`${request.exchange_id}-${arm}-${clock.monoMs()}`).digest('hex')
    runner.submit({
      ...leg,
      tenant: request.tenant,
      place: request.place,
      body: admitted.body,
      bodyBytes: request.body.length,
      startByMonoMs: clock.monoMs() + startDelayMs - this.#ages.ageMs(record.timestampMs),
      timeoutMs: split.shadow.leg_timeout_ms,
      attemptBase: attempt.slice(0, 16),
    })
  }

  #onResponse(response: Response): void {
    if (response.leg !== 'live' || response.arm !== 'baseline') return
    const ttftMs = response.first_token_at === null ? null : response.first_token_at - response.started_at
    this.#deps.runner.observeBaseline({ ttftMs, quotaRemaining: response.quota_remaining })
  }

  #respond(response: Response): void {
    const value = this.#deps.codec.encode('Response', response)
    void this.#send([{ topic: topics.exchanges.name, key: response.exchange_id, value }]).then((written) => {
      if (written) this.#legDone(response.exchange_id)
    })
  }

  #legDone(exchangeId: string): void {
    const exchange = this.#open.get(exchangeId)
    if (exchange === undefined) return
    exchange.legsLeft -= 1
    if (exchange.legsLeft > 0) return
    this.#open.delete(exchangeId)
    this.#watermarks.get(exchange.partition)?.finish(exchange.offset)
  }

  #send(records: readonly OutRecord[]): Promise<boolean> {
    return this.#deps.producer.send(records).then(
      () => true,
      (cause: unknown) => {
        this.#deps.onLost(cause)
        return false
      },
    )
  }
}

/**
 * How old a record is, although broker and host clocks may disagree: the smallest difference ever seen between them is taken as a record
 * that was read at once, and everything above it as age.
 */
function createAgeEstimator(clock: Clock): { observe(appendMs: number): void; ageMs(appendMs: number): number } {
  let smallest = Number.POSITIVE_INFINITY
  return {
    observe(appendMs) {
      smallest = Math.min(smallest, clock.nowMs() - appendMs)
    },
    ageMs: (appendMs) => (Number.isFinite(smallest) ? Math.max(0, clock.nowMs() - appendMs - smallest) : 0),
  }
}
