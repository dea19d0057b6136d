import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openRedisScripts, type RedisScripts } from '../../services/platform/redis/redis-scripts.ts'
import { type Budget, createRedisBudget } from '../../services/shadow/budget.ts'
import { testServers } from '../support/stack.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const spend = { microUsd: 10, tokens: 100 }
let redis: RedisScripts
let budget: Budget

beforeAll(async () => {
  redis = openRedisScripts(testServers().redis.url)
  budget = createRedisBudget(redis, `budget-${randomUUID()}-`)
  await vi.waitFor(async () => expect(await budget.reserve('connected', {}, spend, 0)).toBe('reserved'))
})
afterAll(() => redis.stop())

it.each([
  ['calls', { calls: 2 }],
  ['micro_usd', { micro_usd: 29 }],
  ['tokens', { tokens: 299 }],
])('a run that has spent its %s stays so', async (what, limits) => {
  for (const at of [0, minuteMs]) expect(await budget.reserve(what, limits, spend, at)).toBe('reserved')
  expect(await budget.reserve(what, limits, spend, 3 * dayMs)).toBe(`exhausted_${what}`)
})

it.each([
  ['calls_per_minute', 2, minuteMs],
  ['tokens_per_minute', 200, minuteMs],
  ['micro_usd_per_day', 25, dayMs],
  ['tokens_per_day', 250, dayMs],
])('what is limited by %s begins anew with the next', async (name, limit, windowMs) => {
  const limits = { calls: 100, [name]: limit }
  const at = 7 * windowMs
  for (const ms of [at, at + windowMs - 1]) expect(await budget.reserve(name, limits, spend, ms)).toBe('reserved')
  expect(await budget.reserve(name, limits, spend, at + 5)).toBe(`exhausted_${name}`)
  expect(await budget.reserve(name, limits, spend, at + windowMs)).toBe('reserved')
  // A clock that is behind opens no window that is over.
  expect(await budget.reserve(name, limits, spend, at)).toBe('reserved')
  expect(await budget.reserve(name, limits, spend, at)).toBe(`exhausted_${name}`)
})

it('what a call did not use is given back, to its own window alone', async () => {
  const limits = { tokens: 1_000, tokens_per_minute: 150 }
  expect(await budget.reserve('back', limits, spend, 0)).toBe('reserved')
  expect(await budget.reserve('back', limits, spend, 1)).toBe('exhausted_tokens_per_minute')
  await budget.settle('back', spend, { microUsd: 1, tokens: 20 }, 0)
  expect(await budget.reserve('back', limits, spend, 2)).toBe('reserved')
  expect(await budget.reserve('back', limits, spend, minuteMs)).toBe('reserved')
  await budget.settle('back', spend, { microUsd: 0, tokens: 0 }, 2)
  expect(await budget.reserve('back', limits, spend, minuteMs + 1)).toBe('exhausted_tokens_per_minute')
})
