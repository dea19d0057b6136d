import type { Evidence, Records } from '../domain/events/records.ts'
import type { AskedRequest } from '../domain/pairing/exchange-facts.ts'
import { planProblem, requestProblem, responseProblem } from '../domain/pairing/impossible-values.ts'
import {
  advance,
  applyHead,
  applyPlan,
  applyRequest,
  applyResponse,
  createJoin,
  ignoreExchange,
  type Join,
  lowestOpenOffset,
  takeGivenUp,
} from '../domain/pairing/join.ts'
import type { RunFacts } from '../domain/pairing/run-facts.ts'
import type { Clock } from '../domain/time/clock.ts'
import { topics } from '../flow.ts'
import type {
  ConsumedOffset,
  InRecord,
  OutRecord,
  RecordBatch,
  TopicPartition,
  Written,
} from '../platform/kafka/transport.ts'
import type { Decoded } from '../platform/registry/codec.ts'
import type { ExchangeDecoder, ExchangeRecords } from './exchange-decoder.ts'
import { nativeSha256 } from './native-sha256.ts'
import type { PublishedProgress } from './published-progress.ts'
import type { RunCatalogue } from './run-catalogue.ts'

export interface PairingDeps {
  readonly decoder: ExchangeDecoder
  encode<Name extends 'Evidence' | 'Progress'>(name: Name, value: Records[Name]): Buffer
  readonly clock: Clock
  readonly runs: Pick<RunCatalogue, 'facts'>
  readonly openMax: number
  /** Resolves when acknowledged; waits out passing faults. */
  send(records: readonly OutRecord[]): Promise<readonly Written[]>
  /** Throws when too many records were unusable. */
  deadLetter(record: InRecord, code: string, reason: string): Promise<void>
  /** Called for every record that could be used, so that the share of the others is known. */
  usable(record: InRecord): void
  /** What a former owner of the partition published last; null when nobody did. */
  published(partition: number): PublishedProgress | null
  /** Asked before a request of an unknown run is given up; resolves when every run that was written by now has been read. */
  waitForRun(run: string): Promise<void>
  /** Evidence could not be sent for good. */
  onLost(cause: unknown): void
}

/** Why a record goes to the dead letters; never its text. */
interface Problem {
  readonly code: string
  readonly reason: string
}

/** How far a partition has come, at a moment at which nothing was under way. */
interface Reached {
  readonly throughMs: number
  /** Everything below is done with: nothing there is open. */
  readonly offset: number
}

interface PartitionState {
  readonly join: Join
  nextOffset: number
  /** Next offset per evidence partition that acknowledged evidence of this partition lies below. */
  readonly evidenceOffsets: Map<number, number>
  /** Evidence is sent in the order in which it was made. */
  sending: Promise<void>
  /** When something of it was read last, ms of the monotonic clock. */
  readAtMs: number
  /** Offset of the mark that has been written and not been read; infinite while it is being written. */
  awaited: number | null
  /** How far it has come with everything that was made on the way acknowledged. */
  reached: Reached
  /** What of it the last published progress covers; offsets follow that, so that the next owner makes again what no progress speaks of. */
  published: Reached
}

/** Joins the exchanges of the partitions it owns and publishes evidence and progress. */
export interface PairingService {
  onAssigned(partitions: readonly (TopicPartition & { readonly committed: number | null })[]): void
  onRevoked(partitions: readonly TopicPartition[]): void
  onBatch(batch: RecordBatch): Promise<void>
  /** Publishes the progress of partitions that advanced, and marks those that are quiet. */
  tick(): Promise<void>
  /** Exchanges of a run are open: their evidence is to come, and a gate waits for it. */
  watched(): boolean
  commitOffsets(): readonly ConsumedOffset[]
  readonly partitions: ReadonlyMap<number, { readonly join: Join }>
}

/** A partition of which nothing was read for so long is marked. */
const quietMs = 40
/** For people who look into the log. */
const markKey = 'pairing/mark'
const evidencePerSend = 500
/** A partition that was away for long has hundreds of thousands fall due at one record: no more than this is made before it is acknowledged. */
const evidenceAheadMax = 10_000

export function createPairingService(deps: PairingDeps): PairingService {
  return new Pairing(deps)
}

class Pairing implements PairingService {
  readonly #deps: PairingDeps
  readonly #states = new Map<number, PartitionState>()

  constructor(deps: PairingDeps) {
    this.#deps = deps
  }

  get partitions(): ReadonlyMap<number, { readonly join: Join }> {
    return this.#states
  }

  onAssigned(partitions: readonly (TopicPartition & { readonly committed: number | null })[]): void {
    for (const { partition, committed } of partitions) {
      const published = this.#deps.published(partition)
      const throughMs = published?.throughMs ?? 0
      const reached = { throughMs, offset: committed ?? 0 }
      this.#states.set(partition, {
        join: createJoin({ limit: this.#deps.openMax, resumeThroughMs: throughMs, hash: nativeSha256 }),
        nextOffset: reached.offset,
        evidenceOffsets: new Map(published?.evidenceOffsets ?? []),
        sending: Promise.resolve(),
        readAtMs: this.#deps.clock.monoMs(),
        awaited: null,
        reached,
        published: reached,
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
    const collect = (made: readonly Evidence[]) => {
      for (const entry of made) evidence.push(entry)
    }
    for (const record of batch.records) {
      // Delivered again while it was under way: a rebalance in the middle of a batch.
      if (record.offset < state.nextOffset) continue
      state.nextOffset = record.offset + 1
      // Time first: a record never changes what fell due before it was appended.
      collect(advance(state.join, record.timestampMs, evidenceAheadMax))
      while (evidence.length >= evidenceAheadMax) {
        await this.#sendPart(state, evidence.splice(0))
        collect(advance(state.join, record.timestampMs, evidenceAheadMax))
      }
      const applying = this.#apply(state, record)
      if (applying !== null) await applying
    }
    collect(takeGivenUp(state.join))
    state.readAtMs = this.#deps.clock.monoMs()
    if (state.awaited !== null && state.nextOffset > state.awaited) state.awaited = null
    // The next batch is applied while this one's evidence travels; no more than that waits in memory.
    const before = state.sending
    this.#send(state, evidence)
    await before
  }

  async tick(): Promise<void> {
    const moved = [...this.#states]
      .filter(([, state]) => state.reached.throughMs > state.published.throughMs)
      .map(([partition, state]) => ({ partition, state, reached: state.reached }))
    const quiet = this.#quiet()
    if (moved.length + quiet.length === 0) return
    for (const [, state] of quiet) state.awaited = Number.POSITIVE_INFINITY
    const progress = moved.map(({ partition, state }) => ({
      topic: topics.progress.name,
      key: `pairing/${partition}`,
      value: this.#deps.encode('Progress', progressOf(partition, state)),
    }))
    let written: readonly Written[] = []
    try {
      written = await this.#deps.send([...progress, ...quiet.map(([partition]) => markOf(partition))])
    } finally {
      for (const [index, [, state]] of quiet.entries()) {
        const offset = written[moved.length + index]?.offset ?? -1
        // It may have been read before it was acknowledged.
        state.awaited = offset < state.nextOffset ? null : offset
      }
    }
    for (const { state, reached } of moved) state.published = reached
  }

  /** One mark at a time: a partition whose mark is not read is behind, and has records to move its time by. */
  #quiet(): readonly (readonly [number, PartitionState])[] {
    const nowMs = this.#deps.clock.monoMs()
    return [...this.#states].filter(([, { awaited, readAtMs }]) => awaited === null && nowMs - readAtMs >= quietMs)
  }

  watched(): boolean {
    for (const { join } of this.#states.values()) if (join.open.size > 0) return true
    return false
  }

  commitOffsets(): readonly ConsumedOffset[] {
    return [...this.#states].map(([partition, { published }]) => ({
      topic: topics.exchanges.name,
      partition,
      offset: published.offset,
    }))
  }

  /** A promise only where something has to be waited for: there are tens of thousands of records a second. */
  #apply(state: PartitionState, record: InRecord): Promise<void> | null {
    const { value } = record
    // A mark: it has moved the time, and is no record that could be used or not.
    if (value === null) return null
    const decoded = this.#deps.decoder.decode(value, (head) => applyHead(state.join, head))
    const problem =
      decoded instanceof Promise
        ? decoded.then((late) => this.#applyDecoded(state, record, late))
        : this.#applyDecoded(state, record, decoded)
    return problem instanceof Promise
      ? problem.then(async (late) => void (await this.#told(record, late)))
      : this.#told(record, problem)
  }

  #told(record: InRecord, problem: Problem | null): Promise<void> | null {
    if (problem !== null) return this.#deps.deadLetter(record, problem.code, problem.reason)
    this.#deps.usable(record)
    return null
  }

  #applyDecoded(
    state: PartitionState,
    record: InRecord,
    decoded: Decoded<ExchangeRecords> | null,
  ): Promise<Problem | null> | Problem | null {
    if (decoded === null) return null
    if (decoded.kind === 'bad') return decoded
    const { join } = state
    const { timestampMs, offset } = record
    switch (decoded.name) {
      case 'Request':
        return impossible(requestProblem(decoded.value)) ?? this.#applyRequest(state, record, decoded.value)
      case 'ShadowPlan': {
        const problem = impossible(planProblem(decoded.value))
        if (problem === null) applyPlan(join, decoded.value, timestampMs, offset)
        return problem
      }
      case 'Response': {
        const problem = impossible(responseProblem(decoded.value))
        if (problem === null) applyResponse(join, decoded.value, timestampMs, offset)
        return problem
      }
    }
  }

  #applyRequest(
    state: PartitionState,
    record: InRecord,
    request: AskedRequest,
  ): Promise<Problem | null> | Problem | null {
    const { runs, waitForRun } = this.#deps
    const run = request.place?.run ?? ''
    const apply = (facts: RunFacts | null): Problem | null => {
      if (facts !== null) {
        applyRequest(state.join, request, facts, record.timestampMs, record.offset)
        return null
      }
      ignoreExchange(state.join, request.exchange_id)
      return { code: 'UNKNOWN_RUN', reason: 'its run, or the golden set of its run, is not known' }
    }
    const facts = runs.facts(run)
    return facts === null ? waitForRun(run).then(() => apply(runs.facts(run))) : apply(facts)
  }

  /** What has been reached by now is noted when the evidence of all that came before is acknowledged. */
  #send(state: PartitionState, evidence: readonly Evidence[]): void {
    const { join, nextOffset } = state
    const offset = Math.min(lowestOpenOffset(join) ?? nextOffset, nextOffset)
    const throughMs = join.readThroughMs
    state.sending = state.sending.then(async () => {
      if (evidence.length > 0) await this.#emit(state, evidence)
      state.reached = { throughMs: Math.max(throughMs, state.reached.throughMs), offset }
    })
    state.sending.catch(this.#deps.onLost)
  }

  /** Part of what falls due at once; nothing is reached by it. */
  #sendPart(state: PartitionState, evidence: readonly Evidence[]): Promise<void> {
    state.sending = state.sending.then(() => this.#emit(state, evidence))
    state.sending.catch(this.#deps.onLost)
    return state.sending
  }

  async #emit(state: PartitionState, evidence: readonly Evidence[]): Promise<void> {
    for (let from = 0; from < evidence.length; from += evidencePerSend) {
      const records = evidence.slice(from, from + evidencePerSend).map((entry) => ({
        topic: topics.evidence.name,
        key: entry.place.run,
        value: this.#deps.encode('Evidence', entry),
      }))
      for (const { partition, offset } of await this.#deps.send(records)) {
        state.evidenceOffsets.set(partition, Math.max(state.evidenceOffsets.get(partition) ?? 0, offset + 1))
      }
    }
  }
}

/** Its append time says how late it is there; it has no value, and readers pass over it. */
function markOf(partition: number): OutRecord {
  return { topic: topics.exchanges.name, partition, key: markKey, value: null }
}

function impossible(reason: string | null): Problem | null {
  return reason === null ? null : { code: 'IMPOSSIBLE_VALUE', reason }
}

function progressOf(partition: number, state: PartitionState): Records['Progress'] {
  const { counts } = state.join
  return {
    source: 'pairing',
    exchange_partition: partition,
    read_through: state.reached.throughMs,
    evidence_offsets: Object.fromEntries(
      [...state.evidenceOffsets].map(([evidencePartition, offset]) => [String(evidencePartition), offset]),
    ),
    // An exchange that was never planned is as lost as a leg that was never heard of.
    planned: counts.planned + counts.unplanned,
    paired: counts.paired,
    skipped: counts.skipped,
    lost: counts.lost + counts.unplanned,
    tap_drops: counts.tapDrops,
    late: counts.late,
  }
}
