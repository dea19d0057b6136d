import type { Evidence, Request, Response, ShadowPlan } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import type { GoldenEntry } from '../rollout/spec.ts'
import { type LegFacts, legFacts, type Price } from '../scoring/leg-facts.ts'
import { createDueHeap, type DueHeap } from './due-heap.ts'
import { type KnownExchange, legKey, liveEvidence, pairedEvidence } from './evidence-of.ts'
import { type ExchangeFacts, exchangeFacts } from './exchange-facts.ts'

/** What the join has to know of a run: its plan and its golden answers. */
export interface RunFacts {
  readonly plan: AnalysisPlan
  golden(ref: string | null, promptHash: string | null): GoldenEntry | null
  price(arm: 'baseline' | 'candidate'): Price
}

/** One exchange partition's open exchanges. Owned and changed by one consumer, in log order; a function of the log alone. */
export interface Join {
  readonly open: Map<string, OpenExchange>
  readonly due: DueHeap
  /** Exchanges of no run whose response is still to come: it is nobody's evidence and must not be kept. */
  readonly ignored: Set<string>
  readonly limit: number
  /** Append time up to which everything has been applied. */
  readThroughMs: number
  /** Evidence due at or before this was emitted, acknowledged and published by a former owner of the partition: it is not made again. */
  readonly resumeThroughMs: number
  readonly counts: JoinCounts
}

export interface JoinCounts {
  planned: number
  paired: number
  skipped: number
  lost: number
  late: number
  duplicates: number
  tapDrops: number
  evicted: number
}

interface Reading {
  readonly comparison: 'live' | 'shadow'
  readonly horizonMs: number
}

interface OpenExchange {
  facts: ExchangeFacts | null
  plan: ShadowPlan | null
  run: RunFacts | null
  readings: readonly Reading[]
  readingsLeft: number
  readonly legs: Map<string, LegFacts>
  /** Responses that stand before their request in the log: kept whole until it comes. */
  readonly early: Response[]
  readonly firstOffset: number
  readonly openedAtMs: number
}

export function createJoin(options: { readonly limit: number; readonly resumeThroughMs: number }): Join {
  return {
    open: new Map(),
    due: createDueHeap(),
    ignored: new Set(),
    limit: options.limit,
    readThroughMs: 0,
    resumeThroughMs: options.resumeThroughMs,
    counts: { planned: 0, paired: 0, skipped: 0, lost: 0, late: 0, duplicates: 0, tapDrops: 0, evicted: 0 },
  }
}

/** Applies a request. `run` null: nobody watches it, and nothing is kept. */
export function applyRequest(
  join: Join,
  request: Request,
  run: RunFacts | null,
  appendMs: number,
  offset: number,
): void {
  join.counts.tapDrops = Math.max(join.counts.tapDrops, request.tap_drops)
  const known = join.open.get(request.exchange_id)
  if (request.place === null || run === null) {
    join.open.delete(request.exchange_id)
    if (known === undefined) ignore(join, request.exchange_id)
    return
  }
  if (known?.facts != null) {
    join.counts.duplicates += 1
    return
  }
  const exchange = known ?? openExchange(join, request.exchange_id, offset, appendMs)
  exchange.facts = exchangeFacts(request, appendMs)
  exchange.run = run
  if (request.shadow_plan !== null) exchange.plan = request.shadow_plan
  exchange.readings = readingsOf(run.plan, request)
  exchange.readingsLeft = exchange.readings.length
  exchange.readings.forEach((reading, index) => {
    const delayMs = reading.comparison === 'shadow' ? run.plan.shadowStartDelayMs : 0
    join.due.push({
      dueMs: appendMs + delayMs + reading.horizonMs + run.plan.graceMs,
      exchangeId: request.exchange_id,
      reading: index,
    })
  })
  for (const response of exchange.early.splice(0)) addLeg(join, exchange, response)
}

/** Applies a shadow plan; the first per exchange counts. */
export function applyPlan(join: Join, plan: ShadowPlan, appendMs: number, offset: number): void {
  if (join.ignored.has(plan.exchange_id)) return
  const exchange = join.open.get(plan.exchange_id) ?? openExchange(join, plan.exchange_id, offset, appendMs)
  if (exchange.plan !== null) {
    join.counts.duplicates += 1
    return
  }
  exchange.plan = plan
}

/** Applies a response; the first per (exchange, arm, leg) in log order counts. One whose exchange is closed or unknown for good is late. */
export function applyResponse(join: Join, response: Response, appendMs: number, offset: number): void {
  if (join.ignored.has(response.exchange_id)) {
    if (response.leg === 'live') join.ignored.delete(response.exchange_id)
    return
  }
  const exchange = join.open.get(response.exchange_id)
  if (exchange === undefined) {
    // Possibly ahead of its request: kept for a while; if none comes it is swept as late.
    openExchange(join, response.exchange_id, offset, appendMs).early.push(response)
    return
  }
  if (exchange.facts === null) exchange.early.push(response)
  else addLeg(join, exchange, response)
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
  exchange.legs.set(key, legFacts(response, golden, { hasText: facts.hasText, price: run.price(response.arm) }))
}

/** Moves the partition's time and returns the evidence that fell due, in a fixed order. */
export function advance(join: Join, nowMs: number): readonly Evidence[] {
  const evidence: Evidence[] = []
  for (let due = join.due.pop(nowMs); due !== null; due = join.due.pop(nowMs)) {
    const exchange = join.open.get(due.exchangeId)
    const reading = exchange?.readings[due.reading]
    if (exchange === undefined || reading === undefined || exchange.facts === null || exchange.run === null) continue
    if (due.dueMs > join.resumeThroughMs)
      evidence.push(...read(join, { ...exchange, facts: exchange.facts }, exchange.run.plan, reading))
    exchange.readingsLeft -= 1
    if (exchange.readingsLeft > 0) continue
    count(join, exchange)
    join.open.delete(due.exchangeId)
  }
  join.readThroughMs = Math.max(join.readThroughMs, nowMs)
  sweepOrphans(join)
  return evidence
}

/** Offset below which nothing is open; null when nothing is. */
export function lowestOpenOffset(join: Join): number | null {
  let lowest: number | null = null
  // Exchanges are inserted in log order, so the first is the lowest.
  for (const exchange of join.open.values()) {
    lowest = exchange.firstOffset
    break
  }
  return lowest
}

function read(join: Join, known: KnownExchange, plan: AnalysisPlan, reading: Reading): readonly Evidence[] {
  const { horizonMs } = reading
  const made =
    reading.comparison === 'live'
      ? [liveEvidence(plan, known, horizonMs, false)]
      : (['content_ab', 'shadow_ab', 'aa'] as const).map((comparison) =>
          pairedEvidence(plan, known, comparison, horizonMs, false),
        )
  return made.filter(
    (evidence) =>
      evidence !== null &&
      (evidence.metrics.length > 0 || horizonMs === join.open.get(evidence.exchange_id)?.run?.plan.legTimeoutMs),
  ) as Evidence[]
}

function readingsOf(plan: AnalysisPlan, request: Request): readonly Reading[] {
  const horizons = [...new Set([...plan.metrics.map((metric) => metric.horizonMs), plan.legTimeoutMs])].sort(
    (a, b) => a - b,
  )
  const live = (request.place?.candidate_weight ?? 0) > 0 && request.assignment === 'split'
  return horizons.flatMap((horizonMs): Reading[] => [
    ...(live ? [{ comparison: 'live' as const, horizonMs }] : []),
    { comparison: 'shadow', horizonMs },
  ])
}

function count(join: Join, exchange: OpenExchange): void {
  for (const leg of exchange.plan?.legs ?? []) {
    join.counts.planned += 1
    const facts = exchange.legs.get(legKey(leg.arm, 'shadow'))
    if (facts === undefined) join.counts.lost += 1
    else if (facts.resolution.startsWith('skipped') || facts.resolution === 'shadow_infrastructure')
      join.counts.skipped += 1
    else join.counts.paired += 1
  }
}

/** At the limit the oldest exchange is given up, counted, so that the newest can be judged: the join never stops and never grows. */
function openExchange(join: Join, exchangeId: string, offset: number, openedAtMs: number): OpenExchange {
  if (join.open.size >= join.limit) {
    for (const oldest of join.open.keys()) {
      join.open.delete(oldest)
      join.counts.evicted += 1
      join.counts.lost += 1
      break
    }
  }
  const exchange: OpenExchange = {
    facts: null,
    plan: null,
    run: null,
    readings: [],
    readingsLeft: 0,
    legs: new Map(),
    early: [],
    firstOffset: offset,
    openedAtMs,
  }
  join.open.set(exchangeId, exchange)
  return exchange
}

/** A request stands before its answers in the log but for producers that race each other: longer than this nothing waits for one. */
const orphanMs = 5_000
const ignoredMax = 100_000

/** Plans and responses whose request was never captured, or is long closed: late once time has passed them by. */
function sweepOrphans(join: Join): void {
  for (const [id, exchange] of join.open) {
    if (exchange.facts !== null || exchange.openedAtMs + orphanMs > join.readThroughMs) return
    join.open.delete(id)
    join.counts.late += exchange.early.length
  }
}

function ignore(join: Join, exchangeId: string): void {
  if (join.ignored.size >= ignoredMax)
    for (const oldest of join.ignored) {
      join.ignored.delete(oldest)
      break
    }
  join.ignored.add(exchangeId)
}
