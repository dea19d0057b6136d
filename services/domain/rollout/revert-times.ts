import type { Ack } from '../events/records.ts'
import type { Revert, RolloutState, Run } from './run.ts'

/** Brakes remembered per router: above what a router can name of one run between two of the controller's reads; the oldest go first. */
const brakesPerRouterMax = 50

type Times = Readonly<Record<string, number>>

/** Names come from outside: one that every object inherits, such as `constructor`, is not known for that. */
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

function earlier(times: Times, key: string, atMs: number): Times {
  const known = own(times, key)
  return known !== undefined && known <= atMs ? times : { ...times, [key]: atMs }
}

function bounded(times: Times): Times {
  const entries = Object.entries(times)
  return entries.length > brakesPerRouterMax ? Object.fromEntries(entries.slice(-brakesPerRouterMax)) : times
}

function brakeIdsOf(ack: Ack): readonly string[] {
  return ack.brakes.map((brake) => brake.slice(brake.lastIndexOf('/') + 1))
}

/**
 * When each router first had one of the run's open latches in force, in ms since the epoch by the router's own clock. Routers and the
 * controller read a latch from the log each for itself, so an ack may name it before the controller knows it: what routers named is kept
 * in the state and looked up when the latch arrives. The minimum makes the answer independent of the order of brakes and acks.
 */
export function routersLatchedMs(state: RolloutState, known: Times = {}): Times {
  const open = state.latches.filter((id) => !state.released.includes(id))
  let times = known
  for (const [router, applied] of Object.entries(state.brakesApplied))
    for (const id of open) {
      const atMs = own(applied, id)
      if (atMs !== undefined) times = earlier(times, router, atMs)
    }
  return times
}

/**
 * What an ack teaches about when its router applied brakes and the revert; null when it is nothing new. In force is a revert by a latch
 * that the router names, or by the split that took the candidate's weight, whichever it applied first.
 */
export function learnedFromAck(run: Run, ack: Ack): Partial<RolloutState> | null {
  const { state } = run
  if (ack.outcome !== 'applied' || state.phase === 'completed' || state.phase === 'aborted') return null
  const before = own(state.brakesApplied, ack.router) ?? {}
  const gone = [...state.released, ...state.kills]
  const named = brakeIdsOf(ack).filter((id) => !gone.includes(id))
  const applied = bounded(named.reduce((times, id) => earlier(times, id, ack.applied_at), before))
  const brakesApplied = applied === before ? state.brakesApplied : { ...state.brakesApplied, [ack.router]: applied }
  const lastRevert = withRouters({ ...state, brakesApplied }, ack.epoch === state.epoch ? ack : null)
  if (brakesApplied === state.brakesApplied && lastRevert === state.lastRevert) return null
  return { brakesApplied, lastRevert }
}

function withRouters(state: RolloutState, splitAck: Ack | null): Revert | null {
  const { lastRevert } = state
  if (state.phase !== 'rolled_back' || lastRevert === null) return lastRevert
  const bySplit =
    splitAck === null ? lastRevert.routersMs : earlier(lastRevert.routersMs, splitAck.router, splitAck.applied_at)
  const routersMs = routersLatchedMs(state, bySplit)
  return routersMs === lastRevert.routersMs ? lastRevert : { ...lastRevert, routersMs }
}
