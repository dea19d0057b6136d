import type { ShadowPlan } from '../events/records.ts'
import type { Answer, LegFacts } from '../scoring/leg-facts.ts'
import { textOf } from '../scoring/text.ts'
import type { ExchangeFacts } from './exchange-facts.ts'
import type { Reading } from './plan-readings.ts'
import type { RunFacts } from './run-facts.ts'

export interface OpenExchange {
  readonly id: string
  facts: ExchangeFacts | null
  plan: Pick<ShadowPlan, 'place' | 'legs'> | null
  run: RunFacts | null
  readings: readonly Reading[]
  readingsLeft: number
  /** Where time stood when the request was seen: a reading that was due by then is late. */
  seenAtMs: number
  readonly legs: Map<string, LegFacts>
  /** Responses that stand before their request in the log: kept whole until it comes. */
  readonly early: Answer[]
  earlyCharacters: number
  readonly firstOffset: number
  readonly openedAtMs: number
}

/** What is given up, and so counted by the join. */
export interface GivenUp {
  /** The oldest of too many open exchanges. */
  onEvicted(exchange: OpenExchange): void
  /** A plan or responses whose request never came, or too much text waiting for one. */
  onOrphaned(exchange: OpenExchange): void
}

/** The open exchanges of one partition, oldest first, within fixed bounds of number and of text held. */
export interface OpenExchanges {
  readonly size: number
  get(id: string): OpenExchange | undefined
  /** Opens it when it is not; at the limit the oldest exchange is given up, so that the newest can be judged. */
  open(id: string, offset: number, openedAtMs: number): OpenExchange
  /** The request has come: the exchange is no orphan any more; returns the responses that had waited for it. */
  adopt(exchange: OpenExchange): readonly Answer[]
  keepEarly(exchange: OpenExchange, response: Answer): void
  close(id: string): void
  /** Gives up what waits for a request that stands before `passedMs`. */
  sweep(passedMs: number): void
  lowestOffset(): number | null
}

/** Text that waits for requests, per partition. A request stands before its answers but for producers that race each other. */
const earlyCharactersMax = 8_000_000
/** Longer than this nothing waits for a request. */
const orphanMs = 5_000

export function createOpenExchanges(limit: number, given: GivenUp): OpenExchanges {
  // Insertion order is log order in both: the first is the oldest, and the first offset the lowest.
  const all = new Map<string, OpenExchange>()
  const orphans = new Map<string, OpenExchange>()
  let earlyCharacters = 0
  const close = (id: string) => {
    const exchange = all.get(id)
    if (exchange === undefined) return
    all.delete(id)
    orphans.delete(id)
    earlyCharacters -= exchange.earlyCharacters
  }
  const orphaned = (exchange: OpenExchange) => {
    close(exchange.id)
    given.onOrphaned(exchange)
  }
  return {
    get size() {
      return all.size
    },
    get: (id) => all.get(id),
    open(id, firstOffset, openedAtMs) {
      const known = all.get(id)
      if (known !== undefined) return known
      const oldest = all.size >= limit ? all.values().next().value : undefined
      if (oldest !== undefined) {
        close(oldest.id)
        given.onEvicted(oldest)
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
        early: [],
        earlyCharacters: 0,
        firstOffset,
        openedAtMs,
      }
      all.set(id, exchange)
      orphans.set(id, exchange)
      return exchange
    },
    adopt(exchange) {
      orphans.delete(exchange.id)
      earlyCharacters -= exchange.earlyCharacters
      exchange.earlyCharacters = 0
      return exchange.early.splice(0)
    },
    keepEarly(exchange, response) {
      const characters = charactersOf(response)
      // As a string: bytes would keep all that was fetched with them in memory.
      exchange.early.push({ ...response, output: textOf(response.output) })
      exchange.earlyCharacters += characters
      earlyCharacters += characters
      for (const oldest of orphans.values()) {
        if (earlyCharacters <= earlyCharactersMax) break
        if (oldest.earlyCharacters > 0) orphaned(oldest)
      }
    },
    close,
    sweep(passedMs) {
      for (const exchange of orphans.values()) {
        if (exchange.openedAtMs + orphanMs > passedMs) return
        orphaned(exchange)
      }
    },
    lowestOffset() {
      return all.values().next().value?.firstOffset ?? null
    },
  }
}

function charactersOf(response: Answer): number {
  return response.tool_calls.reduce((sum, call) => sum + call.arguments.length, response.output.length)
}
