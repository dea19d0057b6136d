import { createRequire } from 'node:module'
import { afterEach, expect, test, vi } from 'vitest'
import { patchKafkajsTimer } from './timer-patch.ts'

interface RequestQueue {
  throttledUntil: number
  readonly pending: unknown[]
  scheduleCheckPendingRequests(): void
  checkPendingRequests(): void
  maybeThrottle(ms: number): void
  destroy(): void
}

const RequestQueueClass = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as new (
  options: object,
) => RequestQueue

function idleQueue(): RequestQueue {
  const logger = { namespace: () => ({ debug: () => undefined, error: () => undefined }) }
  return new RequestQueueClass({
    instrumentationEmitter: null,
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'nowhere:1',
    logger,
    isConnected: () => true,
  })
}

afterEach(() => {
  vi.useRealTimers()
})

test('an idle connection arms no timer', () => {
  patchKafkajsTimer()
  vi.useFakeTimers()
  const queue = idleQueue()
  for (let request = 0; request < 100; request += 1) queue.scheduleCheckPendingRequests()
  expect(vi.getTimerCount()).toBe(0)
})

test('waiting requests arm one timer, never with a negative delay, and it goes on until they are gone', () => {
  patchKafkajsTimer()
  vi.useFakeTimers()
  const armed = vi.spyOn(globalThis, 'setTimeout')
  const queue = idleQueue()
  queue.pending.push({})
  let looks = 0
  queue.checkPendingRequests = () => {
    looks += 1
    if (looks === 3) queue.pending.length = 0
    queue.scheduleCheckPendingRequests()
  }
  queue.scheduleCheckPendingRequests()
  queue.scheduleCheckPendingRequests()
  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(1_000)
  expect(looks).toBe(3)
  expect(vi.getTimerCount()).toBe(0)
  for (const [, delayMs] of armed.mock.calls) expect(delayMs).toBeGreaterThan(0)
})

test('a throttled connection waits as long as the broker said', () => {
  patchKafkajsTimer()
  vi.useFakeTimers()
  const queue = idleQueue()
  let looks = 0
  queue.checkPendingRequests = () => {
    looks += 1
  }
  queue.throttledUntil = Date.now() + 500
  queue.scheduleCheckPendingRequests()
  vi.advanceTimersByTime(499)
  expect(looks).toBe(0)
  vi.advanceTimersByTime(1)
  expect(looks).toBe(1)
})
