import type { ShadowPlan } from '../events/records.ts'
import type { Answer, LegFacts } from '../scoring/leg-facts.ts'
import { textOf } from '../scoring/text.ts'
import type { ExchangeFacts } from './exchange-facts.ts'
import type { Reading } from './plan-readings.ts'
import type { RunFacts } from './run-facts.ts'

export type KeptPlan = Pick<ShadowPlan, 'place' | 'legs'>

export interface OpenExchange {
  readonly id: string
  facts: ExchangeFacts | null
  plan: KeptPlan | null
  run: RunFacts | null
  readings: readonly Reading[]
  readingsLeft: number
  /** Where time stood when the request was seen: a reading that was due by then is late. */
  seenAtMs: number
  readonly legs: Map<string, LegFacts>
  /** Where in the log its request stands, and what waits or has waited for that. */
  readonly offsets: number[]
}

/** A record that stands before its request in the log, kept whole until that comes. */
export type EarlyRecord =
  | { readonly kind: 'plan'; readonly plan: KeptPlan }
  | { readonly kind: 'answer'; readonly answer: Answer }

/** What is given up, and so counted by the join. */
export interface GivenUp {
  /** The oldest of too many open exchanges. */
  onEvicted(exchange: OpenExchange): void
  /** Its request did not come in time, or too much text waits for requests. */
  onOrphaned(record: EarlyRecord): void
}

/** The open exchanges of one partition, oldest first, within fixed bounds of number and of text held. */
export interface OpenExchanges {
  readonly size: number
  /** Text that waits for requests, as a share of what may. */
  readonly earlyShare: number
  get(id: string): OpenExchange | undefined
  /** Opens it when it is not; at the limit the oldest exchange is given up, so that the newest can be judged. */
  open(id: string): OpenExchange
  /** Its request has come; returns what has waited for it, in log order. */
  adopt(exchange: OpenExchange, offset: number): readonly EarlyRecord[]
  /** Keeps a record until its request comes. */
  wait(exchange: OpenExchange, record: EarlyRecord, at: { readonly offset: number; readonly appendMs: number }): void
  /** Returns what still waited for its request, in log order. */
  close(id: string): readonly EarlyRecord[]
  /** Gives up what waits for a request that stands before `passedMs`. */
  sweep(passedMs: number): void
  /** Where the oldest record stands that a new owner has to read again; null when there is none. */
  lowestOffset(): number | null
}

interface Waiting {
  readonly exchange: OpenExchange
  readonly record: EarlyRecord
  readonly appendMs: number
  readonly characters: number
}

/** Text that waits for requests, per partition. A request stands before its answers but for producers that race each other. */
const earlyCharactersMax = 8_000_000
/**
 * Longer than this no record waits for its request, each by its own age and not by that of its exchange: an owner that begins to read in between knows
 * nothing of what stands before, and must come to the same end.
 */
const orphanMs = 5_000

export function createOpenExchanges(limit: number, given: GivenUp): OpenExchanges {
  return new BoundedExchanges(limit, given)
}

class BoundedExchanges implements OpenExchanges {
  readonly #limit: number
  readonly #given: GivenUp
  /** In the order in which they were opened: the first is the oldest. */
  readonly #all = new Map<string, OpenExchange>()
  /** In log order, as offsets come. */
  readonly #waiting = new Map<number, Waiting>()
  /** Where all that is open stands, in log order. */
  readonly #places = new Set<number>()
  #characters = 0

  constructor(limit: number, given: GivenUp) {
    this.#limit = limit
    this.#given = given
  }

  get size(): number {
    return this.#all.size
  }

  get earlyShare(): number {
    return this.#characters / earlyCharactersMax
  }

  get(id: string): OpenExchange | undefined {
    return this.#all.get(id)
  }

  open(id: string): OpenExchange {
    const known = this.#all.get(id)
    if (known !== undefined) return known
    const oldest = this.#all.size >= this.#limit ? this.#all.values().next().value : undefined
    if (oldest !== undefined) {
      this.close(oldest.id)
      this.#given.onEvicted(oldest)
    }
    const exchange: OpenExchange = {
      id,
      facts: null,
      plan: null,
      run: null,
      readings: [],
      readingsLeft: 0,
      seenAtMs: 0,
      legs: new Map(),
      offsets: [],
    }
    this.#all.set(id, exchange)
    return exchange
  }

  adopt(exchange: OpenExchange, offset: number): readonly EarlyRecord[] {
    const waited = this.#endAll(exchange)
    this.#place(exchange, offset)
    return waited
  }

  wait(exchange: OpenExchange, record: EarlyRecord, at: { readonly offset: number; readonly appendMs: number }): void {
    const characters = record.kind === 'plan' ? 0 : charactersOf(record.answer)
    this.#place(exchange, at.offset)
    this.#waiting.set(at.offset, { exchange, record: withTextOfItsOwn(record), appendMs: at.appendMs, characters })
    this.#characters += characters
    for (const [offset, oldest] of this.#waiting) {
      if (this.#characters <= earlyCharactersMax) break
      if (oldest.characters > 0) this.#orphan(offset)
    }
  }

  close(id: string): readonly EarlyRecord[] {
    const exchange = this.#all.get(id)
    if (exchange === undefined) return []
    this.#all.delete(id)
    for (const offset of exchange.offsets) this.#places.delete(offset)
    return this.#endAll(exchange)
  }

  sweep(passedMs: number): void {
    for (const [offset, { appendMs }] of this.#waiting) {
      if (appendMs + orphanMs > passedMs) return
      this.#orphan(offset)
    }
  }

  lowestOffset(): number | null {
    return this.#places.values().next().value ?? null
  }

  #place(exchange: OpenExchange, offset: number): void {
    exchange.offsets.push(offset)
    this.#places.add(offset)
  }

  #endAll({ offsets }: OpenExchange): readonly EarlyRecord[] {
    if (this.#waiting.size === 0) return []
    return offsets.flatMap((offset) => this.#end(offset)?.record ?? [])
  }

  /** Ends the waiting of what stands there, if it waits. */
  #end(offset: number): Waiting | undefined {
    const waiting = this.#waiting.get(offset)
    if (waiting === undefined) return undefined
    this.#waiting.delete(offset)
    this.#characters -= waiting.characters
    return waiting
  }

  #orphan(offset: number): void {
    const waiting = this.#end(offset)
    if (waiting === undefined) return
    const { exchange, record } = waiting
    this.#places.delete(offset)
    exchange.offsets.splice(exchange.offsets.indexOf(offset), 1)
    if (exchange.offsets.length === 0) this.close(exchange.id)
    this.#given.onOrphaned(record)
  }
}

/** As a string: bytes would keep all that was fetched with them in memory. */
function withTextOfItsOwn(record: EarlyRecord): EarlyRecord {
  if (record.kind === 'plan') return record
  return { kind: 'answer', answer: { ...record.answer, output: textOf(record.answer.output) } }
}

function charactersOf(response: Answer): number {
  return response.tool_calls.reduce((sum, call) => sum + call.arguments.length, response.output.length)
}
