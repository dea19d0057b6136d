import { describe, expect, it } from 'vitest'
import { advance, createJoin } from '../../services/domain/pairing/join.ts'
import { applyPlan, applyRequest, applyResponse } from '../../services/domain/pairing/sample-log.ts'
import { expectPairs } from '../ledger/expected-pairs.ts'
import { answerOf, feedExchange, feedPrefix, planOf, type RecordKind, requestOf } from '../ledger/feed-exchange.ts'
import { feedRuns } from '../ledger/feed-run.ts'
import { scheduleOf } from '../ledger/schedule.ts'
import { uniforms } from './draws.ts'

const shape = { seed: 9, exchanges: 3_000 }
const startMs = 1_800_000_000_000
/** While the broker is away nothing is appended; what was sent meanwhile stands close together afterwards. */
const outagesMs = [
  [8_000, 20_000],
  [27_000, 30_000],
] as const

function feedLog(): readonly { readonly number: number; readonly kind: RecordKind; readonly atMs: number }[] {
  const uniform = uniforms(shape.seed)
  const appendedMs = (sentMs: number) => {
    const outage = outagesMs.find(([fromMs, toMs]) => sentMs >= fromMs && sentMs < toMs)
    return outage === undefined ? sentMs : outage[1] + Math.floor(uniform() * 50)
  }
  const log = Array.from({ length: shape.exchanges }, (_, number) =>
    feedExchange(shape, number).sendings.map(({ kind, afterMs }) => ({
      number,
      kind,
      atMs: appendedMs(number * 12 + afterMs),
    })),
  )
  return log.flat().sort((a, b) => a.atMs - b.atMs)
}

describe('the rules that the ledger holds pairing to', () => {
  it('expect the very pairs that pairing makes of late, missing, repeated and shuffled records, and of outages', () => {
    const runs = feedRuns(startMs)
    const { run } = runs.feed
    const facts = { plan: run.plan, goldenByPrompt: false, golden: () => null, price: () => null }
    const join = createJoin({ limit: 100_000, resumeThroughMs: 0 })
    const expected = expectPairs(run.plan)
    const paired = new Map<number, number>()
    const take = (nowMs: number) => {
      for (const evidence of advance(join, nowMs))
        if (
          evidence.comparison === 'content_ab' &&
          evidence.baseline_resolution === 'answered' &&
          evidence.candidate_resolution === 'answered'
        ) {
          const number = Number(evidence.exchange_id.slice(feedPrefix.length))
          paired.set(number, (paired.get(number) ?? 0) + 1)
        }
    }
    for (const [offset, { number, kind, atMs }] of feedLog().entries()) {
      const exchange = feedExchange(shape, number)
      const nowMs = startMs + atMs
      const { place } = runs[exchange.run]
      const answer = kind === 'request' || kind === 'plan' ? null : answerOf(exchange, kind, nowMs)
      expected.note(number, { kind, isAnswered: answer?.resolution !== 'failed' }, nowMs)
      take(nowMs)
      if (kind === 'request') applyRequest(join, requestOf(exchange, place, nowMs), facts, nowMs, offset)
      else if (kind === 'plan') applyPlan(join, planOf(exchange, place, nowMs), nowMs, offset)
      else if (answer !== null) applyResponse(join, answer, nowMs, offset)
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
