import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Heartbeat, Kill, Latch, Split } from '../events/records.ts'
import { effective, killBinds, latchBinds, loweredBy } from './effective.ts'
import { arms, initialLease, lease, steadyMs } from './lease.ts'
import { bucketOf, buckets } from './sticky.ts'

function split(change: Partial<Split> = {}): Split {
  return {
    route: 'r',
    epoch: 5,
    run: 'run',
    default_variant: 'a',
    variants: [
      { id: 'a', provider: 'p', model: 'a', prompt_version: null, parameters: {} },
      { id: 'b', provider: 'p', model: 'b', prompt_version: null, parameters: {} },
    ],
    sticky_key: 'session',
    salt: 'salt',
    rules: [
      { id: 'gold', wave: 'gold', match: { tier: 'gold' }, candidate_weight: 0 },
      { id: 'all', wave: 'all', match: {}, candidate_weight: 100_000 },
    ],
    stage_entries: { gold: 1, all: 2 },
    stages: { gold: 'shadow', all: 'full' },
    shadow: null,
    lease_ms: 20_000,
    on_lapse: 'baseline',
    releases: [],
    routers: ['g'],
    written_at: 0,
    decision_id: 'd',
    ...change,
  }
}

const asker = { tenant: 't', segments: {}, unit: 'unit' }
const live = { all: 'live', gold: 'live' } as const
const none = { latches: [], kills: [] }
const latch: Latch = { id: 'l', route: 'r', run: 'run', wave: null, reason: '', by: '', breached_at: 0, written_at: 0 }
const kill: Kill = { id: 'k', route: '*', by: '', reason: '', written_at: 0, released_at: null, min_epoch: {} }

describe('effective', () => {
  it('serves by the first rule that matches', () => {
    expect(effective(split(), none, live, false, asker)).toMatchObject({
      arm: 'candidate',
      assignment: 'split',
      variant: 'b',
    })
    expect(effective(split(), none, live, false, { ...asker, segments: { tier: 'gold' } })).toMatchObject({
      arm: 'baseline',
      assignment: 'split',
    })
    expect(effective(null, none, live, false, asker)).toEqual({
      arm: 'baseline',
      assignment: 'no_split',
      variant: null,
      place: null,
    })
  })

  it.each([
    ['local_kill', none, live, true, split()],
    ['killed', { latches: [latch], kills: [kill] }, live, false, split()],
    ['latched', { latches: [latch], kills: [] }, live, false, split()],
    ['lapsed', none, { all: 'lapsed' } as const, false, split()],
    ['lapsed', none, {}, false, split()],
  ] as const)('goes to the baseline: %s', (assignment, brakes, leases, local, given) => {
    expect(effective(given, brakes, leases, local, asker)).toMatchObject({ arm: 'baseline', assignment, variant: 'a' })
  })

  it('on_lapse hold goes on, and completion leaves nothing to brake', () => {
    expect(effective(split({ on_lapse: 'hold' }), none, {}, false, asker).arm).toBe('candidate')
    const done = split({
      run: null,
      default_variant: 'b',
      variants: [{ id: 'b', provider: 'p', model: 'b', prompt_version: null, parameters: {} }],
      rules: [],
      lease_ms: null,
    })
    expect(effective(done, { latches: [latch], kills: [kill] }, {}, true, asker)).toMatchObject({
      variant: 'b',
      assignment: 'split',
    })
  })

  it('a latch binds its run or one wave until released; a kill until released and beyond its epoch', () => {
    expect(latchBinds(latch, split({ run: 'other' }), 'all')).toBe(false)
    expect(latchBinds(latch, split({ releases: ['l'] }), 'all')).toBe(false)
    expect(latchBinds({ ...latch, wave: 'gold' }, split(), 'all')).toBe(false)
    const released = { ...kill, released_at: 1, min_epoch: { r: 5 } }
    expect(killBinds(released, split())).toBe(true)
    expect(killBinds(released, split({ epoch: 6 }))).toBe(false)
    expect(killBinds({ ...kill, route: 'elsewhere' }, split())).toBe(false)
    expect(
      loweredBy(
        split(),
        { id: 'x', wave: 'all', match: {}, candidate_weight: 0 },
        { latches: [latch], kills: [] },
        {},
        true,
      ),
    ).toBeNull()
  })

  it('brakes only ever lower, and a growing weight moves units to the candidate only', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.nat(buckets),
        fc.nat(buckets),
        fc.boolean(),
        fc.boolean(),
        (unit, a, b, withLatch, local) => {
          const at = (weight: number) =>
            split({ rules: [{ id: 'all', wave: 'all', match: {}, candidate_weight: weight }] })
          const arm = (weight: number) => effective(at(weight), none, live, false, { ...asker, unit }).arm
          if (arm(Math.min(a, b)) === 'candidate') expect(arm(Math.max(a, b))).toBe('candidate')
          const braked = effective(at(a), { latches: withLatch ? [latch] : [], kills: [] }, live, local, {
            ...asker,
            unit,
          }).arm
          if (braked === 'candidate') expect(arm(a)).toBe('candidate')
          if (withLatch || local) expect(braked).toBe('baseline')
        },
      ),
    )
    expect(bucketOf('', 'ππππππππ')).toBe(bucketOf('ππππ', 'ππππ'))
  })
})

describe('lease', () => {
  it('is lapsed until the first beat, lapses by silence, and comes back only after steady beats', () => {
    let state = initialLease
    expect(state.state).toBe('lapsed')
    state = lease(state, 'beat', 0, 20_000)
    expect(state.state).toBe('live')
    expect(lease(state, 'tick', 20_000, 20_000).state).toBe('live')
    state = lease(state, 'tick', 20_001, 20_000)
    expect(state.state).toBe('lapsed')
    for (let ms = 21_000; ms < 21_000 + steadyMs; ms += 1_000) {
      state = lease(state, 'beat', ms, 20_000)
      expect(state.state).toBe('lapsed')
    }
    expect(lease(state, 'beat', 21_000 + steadyMs, 20_000).state).toBe('live')
  })

  it('counts only beats for the very stage entry', () => {
    const heartbeat: Heartbeat = {
      gate: 'g',
      armed: [{ run: 'run', wave: 'all', stage_entry: 2 }],
      frontier: 0,
      sent_at: 0,
    }
    expect(arms(heartbeat, 'run', 'all', 2)).toBe(true)
    expect(arms(heartbeat, 'run', 'all', 3)).toBe(false)
  })
})
