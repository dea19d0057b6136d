import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createDueQueue, type Due } from './due-queue.ts'

const inOrder = (a: Due, b: Due) =>
  a.dueMs - b.dueMs ||
  Number(a.exchangeId > b.exchangeId) - Number(a.exchangeId < b.exchangeId) ||
  a.reading - b.reading

/** Arrivals, hardly ever in order, each with several delays, and looks in between. */
const step = fc.record({
  arrivedMs: fc.integer({ min: 0, max: 40 }),
  exchangeId: fc.constantFrom('a', 'b', 'c', 'd'),
  delays: fc.uniqueArray(fc.constantFrom(0, 5, 5.5, 20), { maxLength: 4 }),
  gone: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: null, freq: 8 }),
  lookMs: fc.option(fc.integer({ min: 0, max: 70 }), { nil: null }),
})

it('gives what is due by time, exchange and reading, whatever came in between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = createDueQueue()
      let waiting: Due[] = []
      let reading = 0
      const take = (nowMs: number) => {
        const taken: Due[] = []
        for (let due = queue.pop(nowMs); due !== null; due = queue.pop(nowMs)) taken.push(due)
        expect(taken).toEqual(waiting.filter(({ dueMs }) => dueMs <= nowMs).sort(inOrder))
        waiting = waiting.filter(({ dueMs }) => dueMs > nowMs)
        expect(queue.size).toBe(waiting.length)
      }
      for (const { arrivedMs, exchangeId, delays, gone, lookMs } of steps) {
        for (const afterMs of delays) {
          reading += 1
          const due = { dueMs: arrivedMs + afterMs, exchangeId, reading }
          waiting.push(due)
          queue.push(due, afterMs)
        }
        if (gone !== null) {
          waiting = waiting.filter((due) => due.exchangeId !== gone)
          queue.keep((due) => due.exchangeId !== gone)
        }
        if (lookMs !== null) take(lookMs)
      }
      take(Number.POSITIVE_INFINITY)
    }),
    { numRuns: 500 },
  )
})

it('forgets what is gone, also in a lane that is never empty', () => {
  const queue = createDueQueue()
  queue.push({ dueMs: 0, exchangeId: 'x', reading: 0 }, 0)
  for (let ms = 1; ms < 20_000; ms += 1) {
    queue.push({ dueMs: ms, exchangeId: 'x', reading: 0 }, 0)
    expect(queue.pop(ms)?.dueMs).toBe(ms - 1)
  }
  expect(queue.size).toBe(1)
})
