import type { Evidence, Request, Response, ShadowPlan } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { legFacts } from '../scoring/leg-facts.ts'
import { isNotSampled } from '../scoring/leg-outcomes.ts'
import { type Sha256Hex, sha256Hex } from '../scoring/normalise.ts'
import { createDueQueue, type DueQueue } from './due-queue.ts'
import { type KnownExchange, legKey, liveEvidence, pairedEvidence } from './evidence-of.ts'
import { exchangeFacts } from './exchange-facts.ts'
import { createOpenExchanges, type OpenExchange, type OpenExchanges, type Reading } from './open-exchanges.ts'
import { horizonsOf, wantedOf } from './plan-readings.ts'
import { createRecentIds, type RecentIds } from './recent-ids.ts'
import type { RunFacts } from './run-facts.ts'

/** One exchange partition's open exchanges. Owned and changed by one consumer, in log order; a function of the log alone. */
export interface Join {
  readonly open: OpenExchanges
  readonly due: DueQueue
  /** Exchanges of no run whose response is still to come: it is nobody's evidence and must not be kept. */
  readonly ignored: RecentIds
  /** Exchanges whose last horizon is over. A record that a producer sends again must not open one anew: it would give other evidence under the same ids. */
  readonly closed: RecentIds
  /** Append time up to which everything has been applied. */
  readThroughMs: number
  /** Evidence due at or before this was emitted, acknowledged and published by a former owner of the partition: it is not made again. */
  readonly resumeThroughMs: number
  readonly counts: JoinCounts
  readonly hash: Sha256Hex
}

/** Since this owner has the partition. */
export interface JoinCounts {
  planned: number
  paired: number
  skipped: number
  /** Planned and never heard of. */
  lost: number
  /** Requests of a run for which no plan came in time: our loss as well, and of how many legs nobody knows. */
  unplanned: number
  late: number
  duplicates: number
  tapDrops: number
  evicted: number
}

const rememberedMax = 100_000

export function createJoin(options: {
  readonly limit: number
  readonly resumeThroughMs: number
  readonly hash?: Sha256Hex
}): Join {
  const counts: JoinCounts = {
    planned: 0,
    paired: 0,
    skipped: 0,
    lost: 0,
    unplanned: 0,
    late: 0,
    duplicates: 0,
    tapDrops: 0,
    evicted: 0,
  }
  return {
    open: createOpenExchanges(options.limit, {
      onEvicted(exchange) {
        counts.evicted += 1
        counts.lost += Math.max(1, exchange.plan?.legs.length ?? 0)
      },
      onOrphaned(exchange) {
        counts.late += exchange.early.length
      },
    }),
    due: createDueQueue(),
    ignored: createRecentIds(rememberedMax),
    closed: createRecentIds(rememberedMax),
    readThroughMs: 0,
    resumeThroughMs: options.resumeThroughMs,
    counts,
    hash: options.hash ?? sha256Hex,
  }
}

/** As much of a record as it takes to see that nobody needs the rest of it. */
export type Head =
  | { readonly name: 'Request'; readonly value: Pick<Request, 'exchange_id' | 'place' | 'tap_drops'> }
  | { readonly name: 'ShadowPlan'; readonly value: Pick<ShadowPlan, 'exchange_id'> }
  | { readonly name: 'Response'; readonly value: Pick<Response, 'exchange_id' | 'leg'> }

/**
 * Deals with records of exchanges that are nobody's evidence, are closed, or are known already; true when nothing is left to do. Most traffic is of
 * no run, and so its bodies are never read.
 */
export function applyHead(join: Join, head: Head): boolean {
  const id = head.value.exchange_id
  if (head.name === 'Request') {
    join.counts.tapDrops = Math.max(join.counts.tapDrops, head.value.tap_drops)
    if (join.closed.has(id) || join.open.get(id)?.facts != null) {
      join.counts.duplicates += 1
      return true
    }
    if (head.value.place === null) ignoreExchange(join, id)
    return head.value.place === null
  }
  if (join.ignored.has(id)) {
    if (head.name === 'Response' && head.value.leg === 'live') join.ignored.delete(id)
    return true
  }
  if (join.closed.has(id)) join.counts.late += 1
  return join.closed.has(id)
}

/** Forgets a request that nobody watches, and remembers to pass over its answer. */
export function ignoreExchange(join: Join, id: string): void {
  const answered = join.open.get(id)?.early.some(({ leg }) => leg === 'live') === true
  join.open.close(id)
  if (!answered) join.ignored.add(id)
}

/** Applies a request of a run. Whatever `applyHead` has dealt with is not applied. */
export function applyRequest(join: Join, request: Request, run: RunFacts, appendMs: number, offset: number): void {
  const exchange = join.open.open(request.exchange_id, offset, appendMs)
  exchange.facts = exchangeFacts(request, appendMs, join.hash)
  exchange.run = run
  if (request.shadow_plan !== null) exchange.plan = request.shadow_plan
  schedule(join, exchange, run.plan, request, appendMs)
  for (const response of join.open.adopt(exchange)) addLeg(join, exchange, response)
}

/** Applies a shadow plan; the first per exchange counts. */
export function applyPlan(join: Join, plan: ShadowPlan, appendMs: number, offset: number): void {
  const exchange = join.open.open(plan.exchange_id, offset, appendMs)
  if (exchange.plan === null) exchange.plan = plan
  else join.counts.duplicates += 1
}

/** Applies a response; the first per (exchange, arm, leg) in log order counts. */
export function applyResponse(join: Join, response: Response, appendMs: number, offset: number): void {
  // Possibly ahead of its request: kept for a while; if none comes it is swept as late.
  const exchange = join.open.open(response.exchange_id, offset, appendMs)
  if (exchange.facts === null) join.open.keepEarly(exchange, response)
  else addLeg(join, exchange, response)
}

/** Moves the partition's time and returns the evidence that fell due, in a fixed order. */
export function advance(join: Join, nowMs: number): readonly Evidence[] {
  const evidence: Evidence[] = []
  for (let due = join.due.pop(nowMs); due !== null; due = join.due.pop(nowMs)) {
    const exchange = join.open.get(due.exchangeId)
    const reading = exchange?.readings[due.reading]
    if (exchange === undefined || reading === undefined || exchange.facts === null || exchange.run === null) continue
    if (due.dueMs > join.resumeThroughMs) {
      const { facts, plan, legs, run } = exchange
      const before = evidence.length
      readAt({ facts, plan, legs, hash: join.hash }, run.plan, reading, evidence)
      if (reading.late) join.counts.late += evidence.length - before
    }
    exchange.readingsLeft -= 1
    if (exchange.readingsLeft > 0) continue
    count(join.counts, exchange)
    join.open.close(exchange.id)
    join.closed.add(exchange.id)
  }
  join.readThroughMs = Math.max(join.readThroughMs, nowMs)
  join.open.sweep(join.readThroughMs)
  return evidence
}

/** Offset below which nothing is open; null when nothing is. */
export function lowestOpenOffset(join: Join): number | null {
  return join.open.lowestOffset()
}

function addLeg(join: Join, exchange: OpenExchange, response: Response): void {
  const key = legKey(response.arm, response.leg)
  if (exchange.legs.has(key)) {
    join.counts.duplicates += 1
    return
  }
  const { facts, run } = exchange
  if (facts === null || run === null) return
  const golden = run.golden(facts.request.golden_ref, facts.promptHash)
  const wanted = wantedOf(run.plan)
  const options = { hasText: facts.hasText, price: run.price(response.arm), wanted, hash: join.hash }
  exchange.legs.set(key, legFacts(response, golden, options))
}

/** Says when each horizon of an exchange falls due: live legs start at the arrival, shadow legs at most the start delay later. */
function schedule(join: Join, exchange: OpenExchange, plan: AnalysisPlan, request: Request, appendMs: number): void {
  const horizons = horizonsOf(plan)
  const live = (request.place?.candidate_weight ?? 0) > 0 && request.assignment === 'split'
  const afterMs = (comparison: 'live' | 'shadow', horizonMs: number) =>
    (comparison === 'shadow' ? plan.shadowStartDelayMs : 0) + horizonMs + plan.graceMs
  const reading = (comparison: 'live' | 'shadow', horizonMs: number): Reading => ({
    comparison,
    horizonMs,
    late: appendMs + afterMs(comparison, horizonMs) <= join.readThroughMs,
  })
  exchange.readings = horizons.flatMap((horizonMs) => [
    ...(live ? [reading('live', horizonMs)] : []),
    reading('shadow', horizonMs),
  ])
  exchange.readingsLeft = exchange.readings.length
  for (const [index, { comparison, horizonMs }] of exchange.readings.entries()) {
    const delayMs = afterMs(comparison, horizonMs)
    join.due.push({ dueMs: appendMs + delayMs, exchangeId: exchange.id, reading: index }, delayMs)
  }
}

const paired = ['content_ab', 'shadow_ab', 'aa'] as const

/** Adds to `to` what one reading of an exchange gives. */
function readAt(
  known: KnownExchange,
  plan: AnalysisPlan,
  { comparison, horizonMs, late }: Reading,
  to: Evidence[],
): void {
  if (comparison === 'live') {
    const single = liveEvidence(plan, known, horizonMs, late)
    if (single !== null) to.push(single)
    return
  }
  for (const asked of paired) {
    const pair = pairedEvidence(plan, known, asked, horizonMs, late)
    if (pair !== null) to.push(pair)
  }
}

function count(counts: JoinCounts, exchange: OpenExchange): void {
  if (exchange.plan === null) counts.unplanned += 1
  for (const leg of exchange.plan?.legs ?? []) {
    counts.planned += 1
    const facts = exchange.legs.get(legKey(leg.arm, 'shadow'))
    if (facts === undefined) counts.lost += 1
    else if (isNotSampled(facts)) counts.skipped += 1
    else counts.paired += 1
  }
}
