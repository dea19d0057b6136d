import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createOutbox } from './tap-outbox.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function setUp() {
  const handed: (readonly number[])[] = []
  return { handed, outbox: createOutbox<number>((messages) => handed.push(messages)) }
}

describe('what goes from one thread to another', () => {
  it('is gathered for a moment, in order, and handed over once', () => {
    const { handed, outbox } = setUp()
    for (const message of [1, 2, 3]) outbox.put(message, 10, false)
    expect(handed).toEqual([])
    vi.advanceTimersByTime(50)
    outbox.put(4, 10, false)
    vi.advanceTimersByTime(50)
    expect(handed).toEqual([[1, 2, 3], [4]])
    vi.advanceTimersByTime(1_000)
    expect(handed).toHaveLength(2)
  })

  it('does not wait where it is urgent or large, and what came before it goes first', () => {
    const { handed, outbox } = setUp()
    outbox.put(1, 10, false)
    outbox.put(2, 10, true)
    outbox.put(3, 200_000, false)
    outbox.put(4, 200_000, false)
    expect(handed).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  it('is forgotten when the other thread is gone', () => {
    const { handed, outbox } = setUp()
    outbox.put(1, 10, false)
    outbox.close()
    vi.advanceTimersByTime(1_000)
    expect(handed).toEqual([])
  })
})
