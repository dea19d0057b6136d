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
  const watermarks = new Map<number, LowWatermark>()
  const open = new Map<string, OpenExchange>()
  const ages = createAgeEstimator(deps.clock)

  const send = (records: readonly OutRecord[]) =>
    deps.producer.send(records).then(
      () => true,
      (cause: unknown) => {
        deps.onLost(cause)
        return false
      },
    )

  const legDone = (exchangeId: string) => {
    const exchange = open.get(exchangeId)
    if (exchange === undefined) return
    exchange.legsLeft -= 1
    if (exchange.legsLeft > 0) return
    open.delete(exchangeId)
    watermarks.get(exchange.partition)?.finish(exchange.offset)
  }

  const respond = (response: Response) => {
    const record = {
      topic: topics.exchanges.name,
      key: response.exchange_id,
      value: deps.codec.encode('Response', response),
    }
    void send([record]).then((written) => {
      if (written) legDone(response.exchange_id)
    })
  }

  const onRequest = (record: InRecord, request: Request, watermark: LowWatermark) => {
    const split = deps.view.split(request.route)
    if (request.shadow_plan !== null || split === null || request.place === null)
      return watermark.read(record.offset, 'done')
    const blocked = deps.view.blocked(request.route, request.place.wave)
    const plan = planShadow(request, split, { blocked, arrivalMs: record.timestampMs })
    if (plan === null) return watermark.read(record.offset, 'done')
    watermark.read(record.offset, 'open')
    // One more than the legs: the plan itself must be acknowledged, too.
    open.set(request.exchange_id, {
      partition: record.partition,
      offset: record.offset,
      legsLeft: plan.legs.length + 1,
    })
    const value = deps.codec.encode('ShadowPlan', plan)
    void send([{ topic: topics.exchanges.name, key: request.exchange_id, value }]).then((written) => {
      if (!written) return
      legDone(request.exchange_id)
      for (const leg of plan.legs) startLeg(record, request, leg.arm)
    })
  }

  const startLeg = (record: InRecord, request: Request, arm: 'baseline' | 'candidate') => {
    const split = deps.view.split(request.route)
    const baseline = split?.variants.find((variant) => variant.id === split.default_variant)
    const variant =
      arm === 'baseline' ? baseline : split?.variants.find((candidate) => candidate.id !== split.default_variant)
    if (split?.shadow == null || variant === undefined || baseline === undefined || request.place === null) {
      const unknown = { id: arm, provider: '', model: '', prompt_version: null, parameters: {} }
      return respond(
        skippedResponse(
          { exchangeId: request.exchange_id, arm, variant: unknown, promptVersion: null },
          'shadow_infrastructure',
          'run_ended',
          deps.clock.nowMs(),
        ),
      )
    }
    const admitted = admitLeg(request, variant, baseline.provider, deps.allowedProviders)
    const leg = { exchangeId: request.exchange_id, arm, variant, promptVersion: request.prompt_version }
    if (admitted.kind === 'skip')
      return respond(skippedResponse(leg, 'skipped_policy', admitted.why, deps.clock.nowMs()))
    const startDelayMs = Math.max(0, split.shadow.deadline_ms - split.shadow.leg_timeout_ms)
    deps.runner.submit({
      ...leg,
      tenant: request.tenant,
      place: request.place,
      body: admitted.body,
      bodyBytes: request.body.length,
      startByMonoMs: deps.clock.monoMs() + startDelayMs - ages.ageMs(record.timestampMs),
      timeoutMs: split.shadow.leg_timeout_ms,
      attemptBase: createHash('sha256')
        .update(`${request.exchange_id}-${arm}-${deps.clock.monoMs()}`)
        .digest('hex')
        .slice(0, 16),
    })
  }

  const onResponse = (response: Response) => {
    if (response.leg !== 'live' || response.arm !== 'baseline') return
    const ttftMs = response.first_token_at === null ? null : response.first_token_at - response.started_at
    deps.runner.observeBaseline({ ttftMs, quotaRemaining: response.quota_remaining })
  }

  return {
    async onBatch(batch) {
      const watermark = watermarks.get(batch.partition) ?? createLowWatermark()
      watermarks.set(batch.partition, watermark)
      for (const record of batch.records) {
        ages.observe(record.timestampMs)
        const decoded = record.value === null ? null : await deps.codec.decode(record.value)
        if (decoded?.kind === 'record' && decoded.name === 'Request') {
          onRequest(record, decoded.value, watermark)
          continue
        }
        watermark.read(record.offset, 'done')
        if (decoded?.kind === 'record' && decoded.name === 'Response') onResponse(decoded.value)
        if (decoded?.kind === 'bad') await deps.deadLetter(record, decoded.code, decoded.reason)
      }
      deps.runner.pump()
    },
    onAssigned(partitions) {
      for (const { partition } of partitions) watermarks.set(partition, createLowWatermark())
    },
    onRevoked(partitions) {
      const lost = new Set(partitions.map(({ partition }) => partition))
      for (const partition of lost) watermarks.delete(partition)
      for (const [id, exchange] of open) if (lost.has(exchange.partition)) open.delete(id)
    },
    onResolved: (_task, response) => respond(response),
    commitOffsets() {
      return [...watermarks].flatMap(([partition, watermark]) => {
        const offset = watermark.commitOffset()
        return offset === null ? [] : [{ topic: topics.exchanges.name, partition, offset }]
      })
    },
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
