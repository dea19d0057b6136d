import type { Evidence, Records, Request, Response } from '../domain/events/records.ts'
import {
  advance,
  applyPlan,
  applyRequest,
  applyResponse,
  createJoin,
  type Join,
  lowestOpenOffset,
} from '../domain/pairing/join.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import { type BrokerTime, createBrokerTime } from '../platform/kafka/broker-time.ts'
import type {
  ConsumedOffset,
  InRecord,
  OutRecord,
  RecordBatch,
  TopicPartition,
  Written,
} from '../platform/kafka/transport.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { RunCatalogue } from './run-catalogue.ts'

export interface PairingDeps {
  readonly codec: Codec<Records>
  readonly clock: Clock
  readonly runs: RunCatalogue
  readonly openMax: number
  /** Resolves when acknowledged; waits out passing faults. */
  send(records: readonly OutRecord[]): Promise<readonly Written[]>
  deadLetter(record: InRecord, code: string, reason: string): Promise<void>
  /** Where a former owner's published progress of the partition ended, ms; 0 when there is none. */
  resumeThroughMs(partition: number): number
  /** Asked before a request of an unknown run is given up; resolves when the runs have been read on, or after a while. */
  waitForRun(run: string): Promise<void>
  /** Evidence could not be sent for good. */
  onLost(cause: unknown): void
}

interface PartitionState {
  readonly join: Join
  nextOffset: number
  /** Next offset per evidence partition that acknowledged evidence of this partition lies below. */
  readonly evidenceOffsets: Map<number, number>
  /** Evidence that is being sent; progress and offsets follow only what is acknowledged. */
  sending: Promise<void>
  unacknowledged: number
  acknowledgedThroughMs: number
  publishedThroughMs: number
  commitOffset: number
}

/** Joins the exchanges of the partitions it owns and publishes evidence and progress. */
export interface PairingService {
  onAssigned(partitions: readonly (TopicPartition & { readonly committed: number | null })[]): void
  onRevoked(partitions: readonly TopicPartition[]): void
  onBatch(batch: RecordBatch): Promise<void>
  /** The partition was read to its end: its time moves on by the clock. */
  onCaughtUp(partition: TopicPartition, endOffset: number): void
  /** Emits what fell due by the clock and publishes progress; each second. */
  tick(): Promise<void>
  commitOffsets(): readonly ConsumedOffset[]
  readonly partitions: ReadonlyMap<number, { readonly join: Join }>
}

/** A partition read to its end may hold records that are appended but not yet visible: wall time moves it only up to here. */
const idleMarginMs = 1_000
const evidencePerSend = 500

export function createPairingService(deps: PairingDeps): PairingService {
  return new Pairing(deps)
}

class Pairing implements PairingService {
  readonly #deps: PairingDeps
  readonly #states = new Map<number, PartitionState>()
  readonly #brokerTime: BrokerTime

  constructor(deps: PairingDeps) {
    this.#deps = deps
    this.#brokerTime = createBrokerTime(deps.clock)
  }

  get partitions(): ReadonlyMap<number, { readonly join: Join }> {
    return this.#states
  }

  onAssigned(partitions: readonly (TopicPartition & { readonly committed: number | null })[]): void {
    for (const { partition, committed } of partitions) {
      const resumeThroughMs = this.#deps.resumeThroughMs(partition)
      const nextOffset = committed ?? 0
      this.#states.set(partition, {
        join: createJoin({ limit: this.#deps.openMax, resumeThroughMs }),
        nextOffset,
        evidenceOffsets: new Map(),
        sending: Promise.resolve(),
        unacknowledged: 0,
        acknowledgedThroughMs: 0,
        publishedThroughMs: resumeThroughMs,
        commitOffset: nextOffset,
      })
    }
  }

  onRevoked(partitions: readonly TopicPartition[]): void {
    for (const { partition } of partitions) this.#states.delete(partition)
  }

  async onBatch(batch: RecordBatch): Promise<void> {
    const state = this.#states.get(batch.partition)
    if (state === undefined) return
    const evidence: Evidence[] = []
    for (const record of batch.records) {
      this.#brokerTime.observe(record.timestampMs)
      // Time first: a record never changes what fell due before it was appended.
      evidence.push(...advance(state.join, record.timestampMs))
      await this.#apply(state, record)
      state.nextOffset = record.offset + 1
    }
    await this.#settle(state, evidence)
  }

  onCaughtUp({ partition }: TopicPartition, endOffset: number): void {
    const state = this.#states.get(partition)
    if (state === undefined || state.nextOffset < endOffset) return
    const idle = Math.floor(this.#brokerTime.nowMs() - idleMarginMs)
    this.#settle(state, advance(state.join, idle)).catch(this.#deps.onLost)
  }

  async tick(): Promise<void> {
    const progress = [...this.#states].filter(([, state]) => state.acknowledgedThroughMs > state.publishedThroughMs)
    if (progress.length === 0) return
    const through = progress.map(([, state]) => state.acknowledgedThroughMs)
    await this.#deps.send(progress.map(([partition, state]) => progressRecord(this.#deps, partition, state)))
    progress.forEach(([, state], index) => {
      state.publishedThroughMs = through[index] ?? state.publishedThroughMs
    })
  }

  commitOffsets(): readonly ConsumedOffset[] {
    return [...this.#states].map(([partition, { commitOffset }]) => ({
      topic: topics.exchanges.name,
      partition,
      offset: commitOffset,
    }))
  }

  async #apply(state: PartitionState, record: InRecord): Promise<void> {
    const deps = this.#deps
    const decoded = record.value === null ? null : await deps.codec.decode(record.value)
    if (decoded === null) return
    if (decoded.kind === 'bad') return deps.deadLetter(record, decoded.code, decoded.reason)
    switch (decoded.name) {
      case 'Request':
        return onRequest(deps, state, record, decoded.value)
      case 'ShadowPlan':
        return applyPlan(state.join, decoded.value, record.timestampMs, record.offset)
      case 'Response': {
        const problem = responseProblem(decoded.value)
        if (problem !== null) return deps.deadLetter(record, 'IMPOSSIBLE_VALUE', problem)
        return applyResponse(state.join, decoded.value, record.timestampMs, record.offset)
      }
      default:
        return deps.deadLetter(record, 'FOREIGN_RECORD', `${decoded.name} does not belong on this topic`)
    }
  }

  /** Sends evidence in order; when nothing is under way any more, what has been applied is also what is acknowledged. */
  #settle(state: PartitionState, evidence: readonly Evidence[]): Promise<void> {
    const settled = () => {
      if (state.unacknowledged > 0) return
      state.acknowledgedThroughMs = state.join.readThroughMs
      state.commitOffset = Math.min(lowestOpenOffset(state.join) ?? state.nextOffset, state.nextOffset)
    }
    if (evidence.length === 0) {
      settled()
      return state.sending
    }
    state.unacknowledged += 1
    state.sending = state.sending.then(async () => {
      await this.#emit(state, evidence)
      state.unacknowledged -= 1
      settled()
    })
    return state.sending
  }

  async #emit(state: PartitionState, evidence: readonly Evidence[]): Promise<void> {
    for (let from = 0; from < evidence.length; from += evidencePerSend) {
      const records = evidence.slice(from, from + evidencePerSend).map((entry) => ({
        topic: topics.evidence.name,
        key: entry.place.run,
        value: this.#deps.codec.encode('Evidence', entry),
      }))
      for (const { partition, offset } of await this.#deps.send(records)) {
        state.evidenceOffsets.set(partition, Math.max(state.evidenceOffsets.get(partition) ?? 0, offset + 1))
      }
    }
  }
}

async function onRequest(deps: PairingDeps, state: PartitionState, record: InRecord, request: Request): Promise<void> {
  const run = request.place?.run
  if (run !== undefined && deps.runs.facts(run) === null) await deps.waitForRun(run)
  const facts = run === undefined ? null : deps.runs.facts(run)
  if (run !== undefined && facts === null) await deps.deadLetter(record, 'UNKNOWN_RUN', `no run ${run} is known`)
  applyRequest(state.join, request, facts, record.timestampMs, record.offset)
}

function progressRecord(deps: PairingDeps, partition: number, state: PartitionState): OutRecord {
  const { counts } = state.join
  const value = deps.codec.encode('Progress', {
    source: 'pairing',
    exchange_partition: partition,
    read_through: state.acknowledgedThroughMs,
    evidence_offsets: Object.fromEntries(
      [...state.evidenceOffsets].map(([evidencePartition, offset]) => [String(evidencePartition), offset]),
    ),
    planned: counts.planned,
    paired: counts.paired,
    skipped: counts.skipped,
    lost: counts.lost,
    tap_drops: counts.tapDrops,
    late: counts.late,
  })
  return { topic: topics.progress.name, key: `pairing/${partition}`, value }
}

const longestLegMs = 24 * 3_600_000

/** Durations are all that counts of a producer's clock; those no leg can have are refused. */
function responseProblem(response: Response): string | null {
  const durationMs = response.ended_at - response.started_at
  if (!(durationMs >= 0 && durationMs <= longestLegMs)) return `the leg lasted ${durationMs} ms`
  const first = response.first_token_at
  if (first !== null && (first < response.started_at || first > response.ended_at))
    return 'the first token lies outside the leg'
  const counts = [response.input_tokens, response.output_tokens, response.cached_tokens, response.cost_micro_usd]
  return counts.some((count) => count !== null && count < 0) ? 'a token count or cost is negative' : null
}
