import { createRecentIds, type RecentIds } from '../events/recent-ids.ts'
import type { Evidence, Request, Response, ShadowPlan } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { type Answer, type LegFacts, legFacts } from '../scoring/leg-facts.ts'
import { isNotSampled } from '../scoring/leg-outcomes.ts'
import { type Sha256Hex, sha256Hex } from '../scoring/normalise.ts'
import { createDueQueue, type Due, type DueQueue } from './due-queue.ts'
import { type KnownExchange, legKey, liveEvidence, pairedEvidence } from './evidence-of.ts'
import { type AskedRequest, exchangeFacts } from './exchange-facts.ts'
import { createOpenExchanges, type KeptPlan, type OpenExchange, type OpenExchanges } from './open-exchanges.ts'
import { type Reading, readingsOf, wantedOf } from './plan-readings.ts'
import type { RunFacts } from './run-facts.ts'
import { createSharedValues, type SharedValues } from './shared-values.ts'

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
  readonly shared: SharedValues
  /** Evidence of exchanges that were given up, until it is taken. */
  readonly givenUp: Evidence[]
  /** Readings in `due` of exchanges that were given up. */
  stale: number
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
  const join: Join = {
    open: createOpenExchanges(options.limit, {
      onEvicted(exchange) {
        counts.evicted += 1
        counts.lost += Math.max(1, exchange.plan?.legs.length ?? 0)
        giveUp(join, exchange)
      },
      onOrphaned({ kind }) {
        if (kind === 'answer') counts.late += 1
      },
    }),
    due: createDueQueue(),
    ignored: createRecentIds(rememberedMax),
    closed: createRecentIds(rememberedMax),
    readThroughMs: 0,
    resumeThroughMs: options.resumeThroughMs,
    counts,
    hash: options.hash ?? sha256Hex,
    shared: createSharedValues(),
    givenUp: [],
    stale: 0,
  }
  return join
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
  const waited = join.open.close(id)
  if (!waited.some((record) => record.kind === 'answer' && record.answer.leg === 'live')) join.ignored.add(id)
}

/** Applies a request of a run. Whatever `applyHead` has dealt with is not applied. */
export function applyRequest(join: Join, request: AskedRequest, run: RunFacts, appendMs: number, offset: number): void {
  const exchange = join.open.open(request.exchange_id)
  exchange.facts = exchangeFacts(request, appendMs, join, run)
  exchange.run = run
  if (request.shadow_plan !== null) exchange.plan = keptPlan(join, request.shadow_plan)
  schedule(join, exchange, run.plan, request, appendMs)
  for (const early of join.open.adopt(exchange, offset))
    if (early.kind === 'plan') setPlan(join, exchange, early.plan)
    else addLeg(join, exchange, early.answer)
}

/** Applies a shadow plan; the first per exchange counts. */
export function applyPlan(join: Join, plan: ShadowPlan, appendMs: number, offset: number): void {
  const exchange = join.open.open(plan.exchange_id)
  const kept = keptPlan(join, plan)
  if (exchange.facts === null) join.open.wait(exchange, { kind: 'plan', plan: kept }, { offset, appendMs })
  else setPlan(join, exchange, kept)
}

/** Applies a response; the first per (exchange, arm, leg) in log order counts. */
export function applyResponse(join: Join, response: Answer, appendMs: number, offset: number): void {
  const exchange = join.open.open(response.exchange_id)
  // Ahead of its request: kept for a while; if none comes it is swept as late.
  if (exchange.facts === null) join.open.wait(exchange, { kind: 'answer', answer: response }, { offset, appendMs })
  else addLeg(join, exchange, response)
}

/**
 * Moves the partition's time and returns the evidence that fell due, in a fixed order. From `most` records on it stops before it has come to `nowMs`, and
 * has to be called again.
 */
export function advance(join: Join, nowMs: number, most = Number.POSITIVE_INFINITY): readonly Evidence[] {
  const evidence: Evidence[] = takeGivenUp(join)
  for (let due = join.due.pop(nowMs); due !== null; due = join.due.pop(nowMs)) {
    readDue(join, due, evidence)
    if (evidence.length >= most) return evidence
  }
  join.readThroughMs = Math.max(join.readThroughMs, nowMs)
  join.open.sweep(join.readThroughMs)
  return evidence
}

function readDue(join: Join, due: Due, to: Evidence[]): void {
  const exchange = join.open.get(due.exchangeId)
  if (exchange === undefined) join.stale = Math.max(0, join.stale - 1)
  const reading = exchange?.readings[due.reading]
  if (exchange === undefined || reading === undefined || exchange.facts === null || exchange.run === null) return
  if (due.dueMs > join.resumeThroughMs) {
    const { facts, plan, legs, run } = exchange
    const before = to.length
    const late = due.dueMs <= exchange.seenAtMs
    readAt({ facts, plan, legs, hash: join.hash }, run.plan, { reading, late }, to)
    if (late) join.counts.late += to.length - before
  }
  exchange.readingsLeft -= 1
  if (exchange.readingsLeft > 0) return
  count(join.counts, exchange)
  join.open.close(exchange.id)
  join.closed.add(exchange.id)
}

/** Evidence of what was given up since it was last taken: that its legs were not heard of, so that a gate knows what it does not see. */
export function takeGivenUp(join: Join): Evidence[] {
  return join.givenUp.splice(0)
}

/** Offset below which nothing is open; null when nothing is. */
export function lowestOpenOffset(join: Join): number | null {
  return join.open.lowestOffset()
}

function addLeg(join: Join, exchange: OpenExchange, response: Answer): void {
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

function schedule(
  join: Join,
  exchange: OpenExchange,
  plan: AnalysisPlan,
  request: AskedRequest,
  appendMs: number,
): void {
  const isSplit = (request.place?.candidate_weight ?? 0) > 0 && request.assignment === 'split'
  exchange.readings = readingsOf(plan, isSplit)
  exchange.readingsLeft = exchange.readings.length
  exchange.seenAtMs = join.readThroughMs
  for (const [index, { afterMs }] of exchange.readings.entries())
    join.due.push({ dueMs: appendMs + afterMs, exchangeId: exchange.id, reading: index }, afterMs)
}

/** So many readings of what was given up may wait in any case. */
const staleMax = 1_000

function giveUp(join: Join, exchange: OpenExchange): void {
  // What else comes of it is late: opened anew, it would push out one that is whole.
  join.closed.add(exchange.id)
  join.stale += exchange.readingsLeft
  if (join.stale > staleMax && join.stale > join.due.size / 2) {
    join.due.keep(({ exchangeId }) => join.open.get(exchangeId) !== undefined)
    join.stale = 0
  }
  const { facts, run, seenAtMs } = exchange
  if (facts === null || run === null) return
  const unheard: KnownExchange = { facts, plan: exchange.plan, legs: noLegs, hash: join.hash }
  for (const reading of exchange.readings) {
    const dueMs = facts.arrivedAtMs + reading.afterMs
    const wasRead = dueMs <= Math.max(join.readThroughMs, join.resumeThroughMs)
    if (reading.horizonMs !== run.plan.legTimeoutMs || wasRead) continue
    readAt(unheard, run.plan, { reading, late: dueMs <= seenAtMs }, join.givenUp)
  }
}

const noLegs: ReadonlyMap<string, LegFacts> = new Map()

function setPlan(join: Join, exchange: OpenExchange, plan: KeptPlan): void {
  if (exchange.plan === null) exchange.plan = plan
  else join.counts.duplicates += 1
}

function keptPlan({ shared }: Join, { place, legs }: ShadowPlan): KeptPlan {
  return { place: place === null ? null : shared.place(place), legs: shared.legs(legs) }
}

const paired = ['content_ab', 'shadow_ab', 'aa'] as const

/** Adds to `to` what one reading of an exchange gives. */
function readAt(
  known: KnownExchange,
  plan: AnalysisPlan,
  { reading, late }: { readonly reading: Reading; readonly late: boolean },
  to: Evidence[],
): void {
  const { comparison, horizonMs } = reading
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
