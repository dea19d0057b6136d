import { sha256 } from '@noble/hashes/sha2.js'
import type { Place, PlannedLeg, Request, ShadowPlan, ShadowShares, Split } from '../events/records.ts'

/**
 * Which shadow calls an exchange gets. One uniform draw per exchange, by its id and the run's own salt, so that a repeated or
 * restarted planner answers the same: below the exchange's share the candidate is asked, below share × `second_leg_share` the baseline is asked
 * a second time as well. A segment may have a larger share than the rest: its probability is on every leg, for whoever weighs by it. Where the candidate answered live, the baseline is asked what it would have said (counterfactual), below
 * `counterfactual_share`: content is compared at weights that leave few live baselines, too. First turns alone: later ones continue what the candidate said,
 * shadow pairs what the baseline said, and these are not one question (ADR 20).
 *
 * @param blocked true while a latch, kill or anything else forbids new plans for the run
 * @param arrivalMs broker append time of the request
 * @returns null when the exchange belongs to no run that `split` describes (nobody waits for a plan then)
 */
export function planShadow(
  request: Request,
  split: Split,
  options: { readonly blocked: boolean; readonly arrivalMs: number },
): ShadowPlan | null {
  const place = request.place
  if (place === null) return null
  const shadow = split.run === place.run ? split.shadow : null
  const plan = (legs: readonly PlannedLeg[]): ShadowPlan => ({
    exchange_id: request.exchange_id,
    place: presentPlace(place, split),
    legs,
    deadline_at: options.arrivalMs + (shadow?.deadline_ms ?? 0),
  })
  if (shadow === null || options.blocked || place.stage_entry === 0) return plan([])
  const draw = uniformOf(shadow.salt, request.exchange_id)
  if (request.live_arm === 'candidate') {
    const content_ab_p = request.turn === 0 ? shadow.counterfactual_share : 0
    return plan(draw < content_ab_p ? [{ arm: 'baseline', content_ab_p, shadow_ab_p: 0, aa_p: 0 }] : [])
  }
  const share = shareOf(shadow, request)
  const both = share * shadow.second_leg_share
  if (draw >= share) return plan([])
  const candidate: PlannedLeg = { arm: 'candidate', content_ab_p: share, shadow_ab_p: both, aa_p: 0 }
  const second: PlannedLeg = { arm: 'baseline', content_ab_p: 0, shadow_ab_p: both, aa_p: both }
  return plan(draw < both ? [candidate, second] : [candidate])
}

/** The largest share of those that the exchange may claim: its segments', its tenant's, everybody's. */
function shareOf(shadow: ShadowShares, { tenant, segments }: Request): number {
  const claims = [...Object.entries(segments), ['tenant', tenant]].map(([key, value]) => `${key}=${value}`)
  return Math.max(shadow.share, ...claims.map((claim) => shadow.segment_shares[claim] ?? 0))
}

/** The planner stamps the place it knows: same run and wave, but the stage entry and epoch of its own split. */
function presentPlace(place: Place, split: Split): Place {
  const rule = split.rules.find((candidate) => candidate.id === place.rule)
  if (split.run !== place.run || rule === undefined || split.epoch <= place.epoch) return place
  return {
    ...place,
    stage_entry: split.stage_entries[place.wave] ?? place.stage_entry,
    stage: split.stages[place.wave] ?? place.stage,
    epoch: split.epoch,
    candidate_weight: rule.candidate_weight,
  }
}

/** 53 bits of SHA-256 over salt and id as a number in [0, 1). */
export function uniformOf(salt: string, id: string): number {
  const digest = sha256(new TextEncoder().encode(`${salt}\u001f${id}`))
  const view = new DataView(digest.buffer, digest.byteOffset)
  return (view.getUint32(0) * 2 ** 21 + (view.getUint32(4) >>> 11)) / 2 ** 53
}
