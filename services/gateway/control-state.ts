import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Heartbeat, Kill, Latch, Split } from '../domain/events/records.ts'
import { type Asker, effective, type Routed } from '../domain/routing/effective.ts'
import { arms, initialLease, type Lease, lease } from '../domain/routing/lease.ts'
import type { Clock } from '../domain/time/clock.ts'

/** What this router obeys: the last splits and brakes (also on disk), the leases and the local kill. */
export interface ControlState {
  route(route: string, asker: Asker): Routed
  split(route: string): Split | null
  applySplit(route: string, split: Split): void
  applyBrake(key: string, brake: { readonly latch: Latch } | { readonly kill: Kill }): void
  /** Both control topics were read to their ends: before that nothing is split. */
  complete(): void
  beat(heartbeat: Heartbeat): void
  setLocalKill(on: boolean): void
  /** What an ack says about a route; changes exactly when something that is applied changes. */
  applied(route: string): AppliedState
  readonly routes: readonly string[]
}

export interface AppliedState {
  readonly epoch: number
  readonly brakes: readonly string[]
  readonly lease: 'live' | 'lapsed'
}

interface Kept {
  readonly splits: Record<string, Split>
  readonly latches: Record<string, Latch>
  readonly kills: Record<string, Kill>
}

export function createControlState(options: {
  readonly clock: Clock
  readonly stateDir: string
  readonly routerId: string
  readonly killFile: string
}): ControlState {
  const path = join(
    options.stateDir,
    `control-${createHash('sha256').update(options.routerId).digest('hex').slice(0, 12)}.json`,
  )
  const kept = readKept(path)
  // What was kept from the last run is complete enough to serve by: brakes on disk can only lower the candidate.
  let complete = Object.keys(kept.splits).length > 0
  let localKill = false
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
  const save = () => writeKept(path, kept)
  const killed = () => localKill || (options.killFile !== '' && existsSync(options.killFile))

  return {
    get routes() {
      return Object.keys(kept.splits)
    },
    split: (route) => kept.splits[route] ?? null,
    route(route, asker) {
      const split = complete ? (kept.splits[route] ?? null) : null
      const brakes = { latches: Object.values(kept.latches), kills: Object.values(kept.kills) }
      return effective(split, brakes, split === null ? {} : leasesOf(split), killed(), asker)
    },
    applySplit(route, split) {
      if ((kept.splits[route]?.epoch ?? -1) >= split.epoch) return
      carryLeases(leases, kept.splits[route] ?? null, split, leaseKey)
      kept.splits[route] = split
      save()
    },
    applyBrake(key, brake) {
      if ('latch' in brake) kept.latches[key] = brake.latch
      else kept.kills[key] = brake.kill
      save()
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
    setLocalKill(on) {
      localKill = on
    },
    applied(route) {
      const split = kept.splits[route]
      if (split === undefined) return { epoch: 0, brakes: [], lease: 'lapsed' }
      const bound = Object.values(kept.latches).filter((latch) => latch.run === split.run)
      const kills = Object.values(kept.kills).filter(
        (kill) => (kill.route === route || kill.route === '*') && kill.released_at === null,
      )
      const states =
        split.lease_ms === null
          ? []
          : split.rules.filter((rule) => rule.candidate_weight > 0).map((rule) => leaseOf(split, rule.wave))
      return {
        epoch: split.epoch,
        brakes: [...bound, ...kills].map((brake) => brake.id),
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

function readKept(path: string): Kept {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Partial<Kept>
    return { splits: { ...kept.splits }, latches: { ...kept.latches }, kills: { ...kept.kills } }
  } catch {
    return { splits: {}, latches: {}, kills: {} }
  }
}

function writeKept(path: string, kept: Kept): void {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(`${path}.tmp`, JSON.stringify(kept))
  renameSync(`${path}.tmp`, path)
}
