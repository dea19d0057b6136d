import type { Kill, Latch, Split } from '../domain/events/records.ts'

/** What shadow knows of the control topics: the latest split per route, and the brakes. */
export interface RouteView {
  split(route: string): Split | null
  /** A latch or kill forbids new plans for the run (or this wave of it). */
  blocked(route: string, wave: string): boolean
  /** What the run's split allows, by the names of its budgets; null when no split belongs to the run. Calls and money that it does not name are 0. */
  budget(run: string): Readonly<Record<string, number>> | null
  applySplit(route: string, split: Split | null): void
  applyBrake(key: string, brake: { readonly latch: Latch } | { readonly kill: Kill } | null): void
}

export function createRouteView(): RouteView {
  const splits = new Map<string, Split>()
  const latches = new Map<string, Latch>()
  const kills = new Map<string, Kill>()
  return {
    split: (route) => splits.get(route) ?? null,
    blocked(route, wave) {
      const split = splits.get(route)
      for (const kill of kills.values()) {
        if (kill.route !== route && kill.route !== '*') continue
        if (kill.released_at === null || (split !== undefined && split.epoch <= (kill.min_epoch[route] ?? 0)))
          return true
      }
      for (const latch of latches.values()) {
        if (
          latch.run === split?.run &&
          (latch.wave === null || latch.wave === wave) &&
          !split.releases.includes(latch.id)
        )
          return true
      }
      return false
    },
    budget(run) {
      for (const split of splits.values()) {
        if (split.run !== run || split.shadow === null) continue
        return { calls: 0, micro_usd: 0, ...split.shadow.budgets }
      }
      return null
    },
    applySplit(route, split) {
      if (split === null) splits.delete(route)
      else if (split.epoch >= (splits.get(route)?.epoch ?? 0)) splits.set(route, split)
    },
    applyBrake(key, brake) {
      // A tombstone lifts nothing: forgetting an ended brake is the broker's housekeeping, not a release.
      if (brake === null) return
      if ('latch' in brake) latches.set(key, brake.latch)
      else kills.set(key, brake.kill)
    },
  }
}
