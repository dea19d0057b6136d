import type { Heartbeat, Kill, Latch, Split } from '../domain/events/records.ts'
import { type Asker, effective, killBinds, latchBinds, type Routed } from '../domain/routing/effective.ts'
import { arms, initialLease, type Lease, lease } from '../domain/routing/lease.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { KeptControlFile } from './kept-control.ts'

/** What this router obeys: the last splits and brakes (also on disk), the leases and the local kill. */
export interface ControlState {
  route(route: string, asker: Asker): Routed
  split(route: string): Split | null
  applySplit(route: string, split: Split): void
  applyBrake(key: string, brake: { readonly latch: Latch } | { readonly kill: Kill }): void
  /** Has what was applied since the last call written to disk. What is obeyed does not depend on that. */
  persist(): void
  /** Both control topics were read to their ends: before that nothing is split. */
  complete(): void
  beat(heartbeat: Heartbeat): void
  /** Two ways to kill, by hand and by file; either is enough. */
  setLocalKill(by: 'hand' | 'file', on: boolean): void
  /** What an ack says about a route; changes exactly when something that is applied changes. */
  applied(route: string): AppliedState
  /** Routes whose splits are obeyed: none before `complete`, unless some were kept on disk. What is not obeyed is not acked. */
  readonly routes: readonly string[]
}

export interface AppliedState {
  readonly epoch: number
  readonly brakes: readonly string[]
  readonly lease: 'live' | 'lapsed'
}

/** What acks call the local kill. */
const localKillId = 'local'

export function createControlState(options: { readonly clock: Clock; readonly file: KeptControlFile }): ControlState {
  const kept = options.file.read()
  // What was kept from the last run is complete enough to serve by: brakes on disk can only lower the candidate.
  let complete = Object.keys(kept.splits).length > 0
  const localKills = new Set<'hand' | 'file'>()
  const leases = new Map<string, Lease>()
  const leaseKey = (split: Split, wave: string) => `${split.run}/${wave}/${split.stage_entries[wave] ?? 0}`

  const leaseOf = (split: Split, wave: string): 'live' | 'lapsed' => {
    const key = leaseKey(split, wave)
    const aged = lease(
      leases.get(key) ?? initialLease,
      'tick',
      options.clock.monoMs(),
      split.lease_ms ?? Number.POSITIVE_INFINITY,
    )
    leases.set(key, aged)
    return aged.state
  }
  const leasesOf = (split: Split): Record<string, 'live' | 'lapsed'> =>
    Object.fromEntries(split.rules.map((rule) => [rule.wave, leaseOf(split, rule.wave)]))
  let unsaved = false

  return {
    get routes() {
      return complete ? Object.keys(kept.splits) : []
    },
    split: (route) => kept.splits[route] ?? null,
    route(route, asker) {
      const split = complete ? (kept.splits[route] ?? null) : null
      const brakes = { latches: Object.values(kept.latches), kills: Object.values(kept.kills) }
      return effective(split, brakes, split === null ? {} : leasesOf(split), localKills.size > 0, asker)
    },
    applySplit(route, split) {
      if ((kept.splits[route]?.epoch ?? -1) >= split.epoch) return
      carryLeases(leases, kept.splits[route] ?? null, split, leaseKey)
      kept.splits[route] = split
      unsaved = true
    },
    applyBrake(key, brake) {
      if ('latch' in brake) kept.latches[key] = brake.latch
      else kept.kills[key] = brake.kill
      unsaved = true
    },
    persist() {
      if (unsaved) options.file.save(kept)
      unsaved = false
    },
    complete() {
      complete = true
    },
    beat(heartbeat) {
      for (const split of Object.values(kept.splits)) {
        if (split.run === null || split.lease_ms === null) continue
        for (const { wave } of split.rules) {
          if (!arms(heartbeat, split.run, wave, split.stage_entries[wave] ?? 0)) continue
          const key = leaseKey(split, wave)
          leases.set(key, lease(leases.get(key) ?? initialLease, 'beat', options.clock.monoMs(), split.lease_ms))
        }
      }
    },
    setLocalKill(by, on) {
      if (on) localKills.add(by)
      else localKills.delete(by)
    },
    applied(route) {
      const split = kept.splits[route]
      if (split === undefined) return { epoch: 0, brakes: [], lease: 'lapsed' }
      const waves = split.rules.map((rule) => rule.wave)
      const latches = Object.values(kept.latches).filter((latch) =>
        waves.some((wave) => latchBinds(latch, split, wave)),
      )
      const kills = Object.values(kept.kills).filter((kill) => killBinds(kill, split))
      const states =
        split.lease_ms === null
          ? []
          : split.rules.filter((rule) => rule.candidate_weight > 0).map((rule) => leaseOf(split, rule.wave))
      return {
        epoch: split.epoch,
        brakes: [...[...latches, ...kills].map((brake) => brake.id), ...(localKills.size > 0 ? [localKillId] : [])],
        lease: states.includes('lapsed') ? 'lapsed' : 'live',
      }
    },
  }
}

/** A new stage entry is guarded by the same gate: its lease goes on until the gate, which hears of the entry a moment later, beats for it. */
function carryLeases(
  leases: Map<string, Lease>,
  before: Split | null,
  after: Split,
  keyOf: (split: Split, wave: string) => string,
): void {
  if (before === null || before.run !== after.run) return
  for (const { wave } of after.rules) {
    const held = leases.get(keyOf(before, wave))
    if (held !== undefined && !leases.has(keyOf(after, wave))) leases.set(keyOf(after, wave), held)
  }
}
