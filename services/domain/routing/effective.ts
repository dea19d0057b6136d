import type { Arm, Assignment, Kill, Latch, Place, Rule, Split } from '../events/records.ts'
import { bucketOf } from './sticky.ts'

/** What is known of brakes: the latest record of each key. */
export interface Brakes {
  readonly latches: readonly Latch[]
  readonly kills: readonly Kill[]
}

/** Who asks: the tenant and segments that rules match, and the hashed sticky key. */
export interface Asker {
  readonly tenant: string
  readonly segments: Readonly<Record<string, string>>
  readonly unit: string
}

export interface Routed {
  readonly arm: Arm
  readonly assignment: Assignment
  /** Variant that serves; null without a split: the router's own default. */
  readonly variant: string | null
  readonly place: Place | null
}

/**
 * Where one request goes: the one function that all routers in the path share. Brakes only ever lower the candidate; a lapsed lease does as the
 * split says; without a split the router's configured default serves.
 *
 * @param leases state per wave; a missing one counts as lapsed
 */
export function effective(
  split: Split | null,
  brakes: Brakes,
  leases: Readonly<Record<string, 'live' | 'lapsed'>>,
  localKill: boolean,
  asker: Asker,
): Routed {
  if (split === null) return { arm: 'baseline', assignment: 'no_split', variant: null, place: null }
  const rule = split.rules.find((candidate) => matches(candidate, asker))
  const toDefault = (assignment: Assignment): Routed => ({
    arm: 'baseline',
    assignment,
    variant: split.default_variant,
    place: rule === undefined ? null : placeOf(split, rule),
  })
  const candidate = split.variants.find((variant) => variant.id !== split.default_variant)
  if (rule === undefined || candidate === undefined || split.run === null) return toDefault('split')
  const lowered = loweredBy(split, rule, brakes, leases, localKill)
  if (lowered !== null) return toDefault(lowered)
  if (bucketOf(split.salt, asker.unit) >= rule.candidate_weight) return toDefault('split')
  return { arm: 'candidate', assignment: 'split', variant: candidate.id, place: placeOf(split, rule) }
}

/** The brake that keeps a rule at 0, strongest first; null when none does or there is nothing to keep. */
export function loweredBy(
  split: Split,
  rule: Rule,
  brakes: Brakes,
  leases: Readonly<Record<string, 'live' | 'lapsed'>>,
  localKill: boolean,
): Exclude<Assignment, 'split' | 'no_split'> | null {
  if (rule.candidate_weight === 0) return null
  if (localKill) return 'local_kill'
  if (brakes.kills.some((kill) => killBinds(kill, split))) return 'killed'
  if (brakes.latches.some((latch) => latchBinds(latch, split, rule.wave))) return 'latched'
  if (split.lease_ms !== null && split.on_lapse !== 'hold' && (leases[rule.wave] ?? 'lapsed') === 'lapsed')
    return 'lapsed'
  return null
}

/** A latch binds its run, or one wave of it, until a split of the route names it in `releases` or belongs to another run. */
export function latchBinds(latch: Latch, split: Split, wave: string): boolean {
  return latch.run === split.run && (latch.wave === null || latch.wave === wave) && !split.releases.includes(latch.id)
}

/** A kill binds its route, or all, until it is released; splits up to that moment stay at 0. */
export function killBinds(kill: Kill, split: Split): boolean {
  if (kill.route !== split.route && kill.route !== '*') return false
  return kill.released_at === null || split.epoch <= (kill.min_epoch[split.route] ?? 0)
}

function matches(rule: Rule, asker: Asker): boolean {
  return Object.entries(rule.match).every(
    ([key, value]) => (key === 'tenant' ? asker.tenant : asker.segments[key]) === value,
  )
}

/** Where a request under this rule belongs; null when no run has the route. */
export function placeOf(split: Split, rule: Rule): Place | null {
  if (split.run === null) return null
  return {
    run: split.run,
    wave: rule.wave,
    stage_entry: split.stage_entries[rule.wave] ?? 0,
    stage: split.stages[rule.wave] ?? '',
    epoch: split.epoch,
    rule: rule.id,
    candidate_weight: rule.candidate_weight,
  }
}
