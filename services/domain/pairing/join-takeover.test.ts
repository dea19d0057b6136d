import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Evidence } from '../events/records.ts'
import { advance, createJoin, type Join, lowestOpenOffset } from './join.ts'
import { at, byId, fresh, play, steps, stepsAt, through } from './sample-log.ts'

interface Logged {
  readonly id: string
  readonly step: number
  readonly appendMs: number
  readonly offset: number
}

function read(join: Join, records: readonly Logged[]): Evidence[] {
  return records.flatMap(({ id, step, appendMs, offset }) => {
    const made = advance(join, appendMs)
    stepsAt(id, appendMs)[step]?.(join, offset)
    return made
  })
}

describe('a partition that is taken over', () => {
  it('a restart from the low watermark makes nothing twice and loses nothing', () => {
    const whole = fresh()
    play(whole, steps('x'))
    const expected = byId(advance(whole, through))
    const before = fresh()
    play(before, steps('x'))
    const first = advance(before, at + 3_200)
    const after = createJoin({ limit: 1_000, resumeThroughMs: at + 3_200 })
    play(after, steps('x').slice(lowestOpenOffset(before) ?? 0))
    expect(byId([...first, ...advance(after, through)])).toEqual(expected)
  })

  it('wherever the log is taken over, former and new owner together make what one alone makes, however late requests come', () => {
    const ids = ['x', 'y', 'z'] as const
    const all = ids.flatMap((id) => [0, 1, 2, 3, 4].map((step) => ({ id, step })))
    const gaps = fc.array(fc.integer({ min: 0, max: 2_500 }), { minLength: all.length, maxLength: all.length })
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 5 }), gaps, fc.nat(all.length), (order, waits, cut) => {
        let appendMs = at
        const records = order.map((entry, offset) => {
          appendMs += waits[offset] ?? 0
          return { ...entry, offset, appendMs }
        })
        const alone = fresh()
        const expected = byId([...read(alone, records), ...advance(alone, appendMs + through)])
        const former = fresh()
        const first = read(former, records.slice(0, cut))
        const next = createJoin({ limit: 1_000, resumeThroughMs: former.readThroughMs })
        const rest = read(next, records.slice(lowestOpenOffset(former) ?? cut))
        expect(byId([...first, ...rest, ...advance(next, appendMs + through)])).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('what a new owner makes again of repeated records is what the former one sent, also whether it was late, so that no store prefers the wrong one', () => {
    const gap = fc.integer({ min: 0, max: 2_500 })
    const log = fc.array(fc.record({ id: fc.constantFrom('x', 'y', 'z'), step: fc.nat(4), gap }), {
      minLength: 4,
      maxLength: 25,
    })
    fc.assert(
      fc.property(log, fc.nat(24), (entries, from) => {
        let appendMs = at
        const records = entries.map(({ id, step, gap: waited }, offset): Logged => {
          appendMs += waited
          return { id, step, offset, appendMs }
        })
        const whole = (part: readonly Logged[]) => {
          const join = fresh()
          return [...read(join, part), ...advance(join, appendMs + through)]
        }
        const sent = new Map(whole(records).map((evidence) => [evidence.id, evidence]))
        const seen = new Set(records.slice(0, from).map(({ id }) => id))
        for (const again of whole(records.slice(from)))
          if (!seen.has(again.exchange_id)) expect(again).toEqual(sent.get(again.id))
      }),
      { numRuns: 200 },
    )
  })
})
