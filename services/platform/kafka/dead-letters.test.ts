import { describe, expect, test } from 'vitest'
import { createDeadLetterGuard, TooMuchPoisonError } from './dead-letters.ts'
import type { InRecord } from './transport.ts'

const at = (partition: number, offset = 0): InRecord => ({
  topic: 't',
  partition,
  offset,
  key: null,
  value: null,
  headers: {},
  timestampMs: 0,
})
const policy = { invalidRatioMax: 0.5, windowMin: 10, consecutiveMax: 3 }

describe('dead letter guard', () => {
  test('a few unusable records among good ones are put aside', () => {
    const guard = createDeadLetterGuard(policy)
    for (let round = 0; round < 100; round += 1) {
      guard.good(1, at(0))
      guard.bad(at(0))
    }
  })

  test('too many in a row stop the consumer, and the message names the place', () => {
    const guard = createDeadLetterGuard(policy)
    guard.good(100, at(0))
    for (let offset = 0; offset < 3; offset += 1) guard.bad(at(0, offset))
    expect(() => guard.bad(at(0, 3))).toThrow(TooMuchPoisonError)
    expect(() => guard.bad(at(0, 4))).toThrow(/t\/0; last at offset 4/)
  })

  test('a good record ends the row; noting none does not', () => {
    const guard = createDeadLetterGuard(policy)
    guard.good(100, at(0))
    for (let round = 0; round < 3; round += 1) guard.bad(at(0))
    guard.good(0, at(0))
    expect(() => guard.bad(at(0))).toThrow(TooMuchPoisonError)
    guard.good(1, at(0))
    guard.bad(at(0))
  })

  test('too large a share stops it once there is a window to judge', () => {
    const guard = createDeadLetterGuard(policy)
    const alternate = (bad: number) => {
      for (let round = 0; round < bad; round += 1) guard.bad(at(0))
      guard.good(1, at(0))
    }
    alternate(3)
    alternate(3)
    guard.bad(at(0))
    expect(() => guard.bad(at(0))).toThrow(/80 % of the last 10/)
  })

  test('partitions are judged apart', () => {
    const guard = createDeadLetterGuard(policy)
    for (const partition of [0, 1, 2, 3]) for (let round = 0; round < 3; round += 1) guard.bad(at(partition))
  })

  test('the distant past is forgotten: a long good run does not excuse a half-broken present', () => {
    const guard = createDeadLetterGuard(policy)
    guard.good(50_000, at(0))
    const half = () => {
      for (let round = 0; round < 40_000; round += 1) {
        guard.bad(at(0))
        guard.bad(at(0))
        guard.good(1, at(0))
      }
    }
    expect(half).toThrow(TooMuchPoisonError)
  })
})
