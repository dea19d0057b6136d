import { afterEach, describe, expect, it } from 'vitest'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import { type Admission, createAdmission } from './admission.ts'
import { silentLog } from './gateway-under-test.ts'

const late = { elapsedMs: 450, heldMs: 400 }
const inTime = { elapsedMs: 50, heldMs: 0 }
const opened: Admission[] = []

function setUp(requestsMax = 1_000) {
  const metrics = createPrometheusMetrics()
  const admission = createAdmission({ requestsMax, loopHeldMaxMs: 250, metrics, log: silentLog })
  opened.push(admission)
  const turns = (count: number, turn: typeof late) => {
    for (let index = 0; index < count; index += 1) admission.onTurn(turn)
  }
  /** Of so many short calls. */
  const taken = (calls: number) => {
    let count = 0
    for (let index = 0; index < calls; index += 1)
      if (admission.begin()) {
        count += 1
        admission.end()
      }
    return count
  }
  return { admission, metrics, turns, taken }
}

afterEach(async () => {
  for (const admission of opened.splice(0)) await admission.stop()
})

describe('admission', () => {
  it('takes on all calls while the loop is in time, and shows it', async () => {
    const { admission, metrics, turns, taken } = setUp()
    turns(100, inTime)
    expect([taken(500), admission.refusing()]).toEqual([500, null])
    expect(await metrics.text()).toMatch(/penstock_gateway_admitted_share 1\n/)
  })

  it.each([
    ['one long pause', [{ elapsedMs: 3_000, heldMs: 2_950 }]],
    ['two late looks', [late, late]],
    ['late looks with one in time between them', [late, late, inTime, late, late]],
    ['many short ones', Array.from({ length: 15 }, () => ({ elapsedMs: 290, heldMs: 240 }))],
  ])('%s refuse nobody', (_, turns) => {
    const { admission, taken } = setUp()
    for (const turn of turns) admission.onTurn(turn)
    expect([taken(500), admission.refusing()]).toEqual([500, null])
  })

  /** What a call costs before it is handed on. */
  const spend = (ms: number) => {
    for (const endMs = performance.now() + ms; performance.now() < endMs; );
  }
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

  it('when turns of the loop have been long for a second, says that more come in one than can begin', async () => {
    const { admission, taken } = setUp()
    const costly = (count: number) => {
      let begun = 0
      for (let index = 0; index < count; index += 1) {
        if (!admission.begin()) continue
        begun += 1
        spend(3)
        admission.end()
      }
      return begun
    }
    const beganMs = performance.now()
    while (performance.now() < beganMs + 1_000) {
      await nextTurn()
      expect([costly(60), admission.refusing()], 'a burst').toEqual([60, null])
    }
    await nextTurn()
    expect(costly(1_000)).toBeLessThanOrEqual(22)
    expect(taken(100)).toBe(0)
    expect(admission.refusing()).toContain('more come in one turn of the event loop than can begin in 62.5 ms')
    await nextTurn()
    expect(taken(100)).toBe(100)
  })

  it('one pause in the middle of a turn refuses none of the few calls in it', async () => {
    const { admission, taken } = setUp()
    taken(5)
    spend(300)
    expect([taken(11), admission.refusing()]).toEqual([11, null])
  })

  it('takes on fewer the longer the loop is late, one of twenty at least, and says why', async () => {
    const { admission, metrics, turns, taken } = setUp()
    turns(3, late)
    expect(taken(1_000)).toBe(900)
    expect(admission.refusing()).toBe(
      '10 % of the calls are refused with 503, because the event loop is held up for more than 250 ms at a time: add gateways',
    )
    turns(6, late)
    expect(taken(1_000)).toBeCloseTo(1_000 * 0.9 ** 7, -1)
    turns(100, late)
    expect(taken(1_000)).toBe(50)
    expect(await metrics.text()).toMatch(/penstock_gateway_admitted_share 0.05\n/)
  })

  it('takes on more again, a tenth of all in a second', () => {
    const { admission, turns, taken } = setUp()
    turns(100, late)
    turns(20, inTime)
    expect(taken(1_000)).toBeCloseTo(150, -1)
    turns(200, inTime)
    expect([taken(500), admission.refusing()]).toEqual([500, null])
  })

  it('takes on no more at once than may be under way', () => {
    const { admission } = setUp(2)
    expect([admission.begin(), admission.begin(), admission.begin()]).toEqual([true, true, false])
    admission.end()
    expect(admission.begin()).toBe(true)
  })
})
