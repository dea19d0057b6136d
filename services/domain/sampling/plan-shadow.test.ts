import { expect, it } from 'vitest'
import type { Request, ShadowShares, Split } from '../events/records.ts'
import { planShadow } from './plan-shadow.ts'

const place = {
  run: 'run',
  wave: 'all',
  stage_entry: 1,
  stage: 'shadow',
  epoch: 1,
  rule: 'all',
  candidate_weight: 0,
}
const shadow: ShadowShares = {
  share: 0.1,
  second_leg_share: 0.5,
  counterfactual_share: 0,
  segment_shares: { 'tier=enterprise': 0.8, 'tenant=acme': 0.4 },
  deadline_ms: 1_000,
  leg_timeout_ms: 1_000,
  budgets: {},
  salt: 'salt',
}
const split = { run: 'run', rules: [], epoch: 1, shadow, stage_entries: {}, stages: {} } as unknown as Split

/** Plans of two thousand exchanges of one kind. */
function plansOf(change: Partial<Request>, by = split) {
  const asked = { live_arm: 'baseline', turn: 0, place, tenant: 'other', segments: {}, ...change } as Request
  return Array.from({ length: 2_000 }, (_, index) =>
    planShadow({ ...asked, exchange_id: `x${index}` }, by, { blocked: false, arrivalMs: 0 }),
  )
}

it.each([
  { who: 'anybody', change: {}, share: 0.1 },
  { who: 'a segment with a share of its own', change: { segments: { tier: 'enterprise' } }, share: 0.8 },
  { who: 'a tenant with a share of its own', change: { tenant: 'acme' }, share: 0.4 },
  { who: 'both', change: { tenant: 'acme', segments: { tier: 'enterprise' } }, share: 0.8 },
  { who: 'another value of the segment', change: { segments: { tier: 'free' } }, share: 0.1 },
])('$who is shadowed at its share, and the legs say with which probability', ({ change, share }) => {
  const legs = plansOf(change).map((plan) => plan?.legs ?? [])
  const shadowed = legs.filter((planned) => planned.length > 0)
  expect(shadowed.length / 2_000).toBeCloseTo(share, 1)
  for (const [candidate] of shadowed)
    expect(candidate).toEqual({ arm: 'candidate', content_ab_p: share, shadow_ab_p: share * 0.5, aa_p: 0 })
  expect(legs.filter((planned) => planned.length === 2).length / 2_000).toBeCloseTo(share / 2, 1)
})

it('the baseline is asked what it would have said to first turns of the candidate alone, shadowing goes on in later ones', () => {
  const asking = { ...split, shadow: { ...shadow, counterfactual_share: 0.5 } } as Split
  const shareOf = (change: Partial<Request>) =>
    plansOf(change, asking).filter((plan) => plan?.legs.length).length / 2_000
  expect(shareOf({ live_arm: 'candidate', turn: 0 })).toBeCloseTo(0.5, 1)
  expect(shareOf({ live_arm: 'candidate', turn: 1 })).toBe(0)
  expect(shareOf({ live_arm: 'baseline', turn: 1 })).toBeCloseTo(0.1, 1)
})

it('who is shadowed at the small share is shadowed at the large one, too: thinning keeps a part of the same draw', () => {
  const of = (change: Partial<Request>) => plansOf(change).map((plan) => (plan?.legs.length ?? 0) > 0)
  const enterprise = of({ segments: { tier: 'enterprise' } })
  expect(of({}).every((isShadowed, index) => !isShadowed || enterprise[index])).toBe(true)
})
