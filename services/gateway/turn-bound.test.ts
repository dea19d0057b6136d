import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTurnBound } from './turn-bound.ts'

const loopHeldMaxMs = 250
let nowMs = 0

beforeEach(() => {
  nowMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Turns of the loop, each of which finds so many calls that take so long to begin. */
function loopWith(bound = createTurnBound(loopHeldMaxMs)) {
  return {
    async turn(calls: number, msBefore = 0, msEach = 3): Promise<number> {
      await new Promise((resolve) => setImmediate(resolve))
      nowMs += msBefore
      let begun = 0
      for (let call = 0; call < calls; call += 1) {
        if (!bound.takesOne()) continue
        begun += 1
        nowMs += msEach
      }
      return begun
    },
  }
}

describe('what begins in one turn of the event loop', () => {
  it('a burst refuses nobody, whatever turns it is spread over, and neither does the next one', async () => {
    const { turn } = loopWith()
    for (let burst = 0; burst < 10; burst += 1) {
      const begun = [await turn(64, 2_000), await turn(64), await turn(64), await turn(64), await turn(44)]
      expect(begun, `burst ${burst}`).toEqual([64, 64, 64, 64, 44])
    }
  })

  it('when turns have been long for a second, no more begin in one than in a fourth of the time for which the loop may be held up', async () => {
    const { turn } = loopWith()
    const begun: number[] = []
    for (let turns = 0; turns < 8; turns += 1) begun.push(await turn(100))
    expect(begun).toEqual([100, 100, 100, 100, 21, 21, 21, 21])
  })

  it('sixteen begin in any turn, however long they take: a pause in the middle of one is not what they cost', async () => {
    const { turn } = loopWith()
    for (let turns = 0; turns < 4; turns += 1) await turn(100)
    expect(await turn(100, 0, 10)).toBe(16)
  })

  it('takes on everything again a second after the last long turn, so that a burst that took too long is not held against the next', async () => {
    const { turn } = loopWith()
    for (let burst = 0; burst < 5; burst += 1) {
      const begun = [await turn(100, 1_001)]
      for (let turns = 1; turns < 6; turns += 1) begun.push(await turn(100))
      expect(begun, `burst ${burst}`).toEqual([100, 100, 100, 100, 21, 21])
    }
  })
})
