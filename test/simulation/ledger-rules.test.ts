import { describe, expect, it } from 'vitest'
import { advance, createJoin } from '../../services/domain/pairing/join.ts'
import { applyPlan, applyRequest, applyResponse } from '../../services/domain/pairing/sample-log.ts'
import { expectPairs } from '../ledger/expected-pairs.ts'
import { answerOf, feedExchange, feedPrefix, planOf, type RecordKind, requestOf } from '../ledger/feed-exchange.ts'
import { feedRun } from '../ledger/feed-run.ts'
import { scheduleOf } from '../ledger/schedule.ts'
import { uniforms } from './draws.ts'

const seed = 9
const startMs = 1_800_000_000_000
/** While the broker is away nothing is appended; what was sent meanwhile stands close together afterwards. */
const outagesMs = [
  [8_000, 20_000],
  [27_000, 30_000],
] as const

function feedLog(
  exchanges: number,
): readonly { readonly number: number; readonly kind: RecordKind; readonly atMs: number }[] {
  const uniform = uniforms(seed)
  const appendedMs = (sentMs: number) => {
    const outage = outagesMs.find(([fromMs, toMs]) => sentMs >= fromMs && sentMs < toMs)
    return outage === undefined ? sentMs : outage[1] + Math.floor(uniform() * 50)
  }
  const log = Array.from({ length: exchanges }, (_, number) =>
    feedExchange(seed, number).sendings.map(({ kind, afterMs }) => ({
      number,
      kind,
      atMs: appendedMs(number * 12 + afterMs),
    })),
  )
  return log.flat().sort((a, b) => a.atMs - b.atMs)
}

describe('the rules that the ledger holds pairing to', () => {
  it('expect the very pairs that pairing makes of late, missing, repeated and shuffled records, and of outages', () => {
    const { run, place } = feedRun(startMs)
    const facts = { plan: run.plan, goldenByPrompt: false, golden: () => null, price: () => null }
    const join = createJoin({ limit: 100_000, resumeThroughMs: 0 })
    const expected = expectPairs(run.plan)
    const paired = new Map<number, number>()
    const take = (nowMs: number) => {
      for (const evidence of advance(join, nowMs))
        if (
          evidence.comparison === 'content_ab' &&
          evidence.baseline_resolution !== null &&
          evidence.candidate_resolution !== null
        ) {
          const number = Number(evidence.exchange_id.slice(feedPrefix.length))
          paired.set(number, (paired.get(number) ?? 0) + 1)
        }
    }
    for (const [offset, { number, kind, atMs }] of feedLog(3_000).entries()) {
      const exchange = feedExchange(seed, number)
      const nowMs = startMs + atMs
      expected.note(number, { kind, isGivenUp: false }, nowMs)
      take(nowMs)
      if (kind === 'request') applyRequest(join, requestOf(exchange, place, nowMs), facts, nowMs, offset)
      else if (kind === 'plan') applyPlan(join, planOf(exchange, place, nowMs), nowMs, offset)
      else applyResponse(join, answerOf(exchange, kind, nowMs), nowMs, offset)
    }
    take(Number.MAX_SAFE_INTEGER)
    expect(new Set(paired.keys())).toEqual(expected.paired())
    expect([...paired.values()].every((times) => times === 1)).toBe(true)
    expect(expected.paired().size).toBeGreaterThan(2_000)
    expect(expected.late()).toBeGreaterThan(50)
  })

  it('come with a schedule that is the same for the same seed, and whole', () => {
    const deeds = scheduleOf(4, 17)
    expect(scheduleOf(4, 17)).toEqual(deeds)
    expect(scheduleOf(5, 17)).not.toEqual(deeds)
    const kills = Map.groupBy(
      deeds.flatMap((deed) => (deed.kind === 'kill' ? [deed.target] : [])),
      (target) => target,
    )
    expect([...kills.values()].map(({ length }) => length)).toEqual(Array(9).fill(22))
    expect(deeds.filter(({ kind }) => kind === 'store-away')).toMatchObject([{ forMs: 300_000 }])
  })
})
