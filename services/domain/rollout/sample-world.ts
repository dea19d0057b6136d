import type { Split } from '../events/records.ts'
import type { RunEvent, Transition } from './events.ts'
import type { Run } from './run.ts'
import { draftRun, sampleSpec, startMs } from './sample-run.ts'
import type { RolloutSpec } from './spec.ts'

/** What the outside world has seen and done, for property tests; kept apart from the machine, by other means than the machine's own. */
export interface World {
  nowMs: number
  run: Run
  readonly splits: Split[]
  readonly decisions: Map<string, string>
  /** wave/entry for which a passing verdict of the run's own plan was sent. */
  readonly passes: Set<string>
  /** epoch/router of every applied ack. */
  readonly acks: Set<string>
  readonly delivered: RunEvent[]
  readonly openLatches: Set<string>
  readonly openKills: Set<string>
  readonly released: Set<string>
  /** When each kill ended, as far as the run lived to hear of it. */
  readonly endedKills: Map<string, number>
  frozen: string | null
}

export function newWorld(spec: RolloutSpec = sampleSpec()): World {
  return {
    nowMs: startMs,
    run: draftRun(spec),
    splits: [],
    decisions: new Map(),
    passes: new Set(),
    acks: new Set(),
    delivered: [],
    openLatches: new Set(),
    openKills: new Set(),
    released: new Set(),
    endedKills: new Map(),
    frozen: null,
  }
}

export const isOver = (run: Run): boolean => ['completed', 'aborted', 'rolled_back'].includes(run.state.phase)

/** How far a wave has come; forward moves make it larger. */
export function progress(run: Run, index: number): number {
  const wave = run.state.waves[index]
  return (wave?.stageIndex ?? -1) + 1 + (wave?.status === 'finished' ? 1 : 0)
}

const planHash = newWorld().run.plan.hash

export const allAcked = (world: World): boolean => {
  const epoch = world.splits.at(-1)?.epoch
  return world.run.spec.routers.every((router) => world.acks.has(`${epoch}/${router}`))
}

/** The verdict that an event carries, when it is about a present stage entry and made by this run's plan. */
export function verdictIn(run: Run, event: RunEvent): string | null {
  if (event.kind !== 'command' || event.command.kind !== 'verdict') return null
  const verdict = JSON.parse(event.command.payload)
  const wave = run.state.waves.find(({ id }) => id === event.command.wave)
  return event.command.stage_entry === wave?.stageEntry && verdict.planHash === planHash ? verdict.outcome : null
}

export const entryOf = (run: Run, index: number): string => {
  const wave = run.state.waves[index]
  return `${wave?.id ?? ''}/${wave?.stageEntry ?? 0}`
}

export function track(world: World, before: Run, event: RunEvent, after: Transition): void {
  const { phase } = before.state
  if (
    event.kind === 'latch' &&
    event.latch.run === before.id &&
    phase !== 'completed' &&
    !before.state.released.includes(event.latch.id)
  )
    world.openLatches.add(event.latch.id)
  if (event.kind === 'kill' && phase !== 'completed' && phase !== 'aborted') {
    if (event.kill.released_at !== null) {
      world.openKills.delete(event.kill.id)
      world.endedKills.set(event.kill.id, event.kill.released_at)
    } else if (!(event.kill.id in before.state.endedKills)) world.openKills.add(event.kill.id)
  }
  if (event.kind === 'ack' && event.ack.outcome === 'applied') world.acks.add(`${event.ack.epoch}/${event.ack.router}`)
  if (event.kind !== 'command') return
  if (event.command.kind === 'release' && after.outcome === 'changed') {
    const { latch } = JSON.parse(event.command.payload)
    world.openLatches.delete(latch)
    world.released.add(latch)
  }
  if (verdictIn(before, event) === 'advance') world.passes.add(`${event.command.wave}/${event.command.stage_entry}`)
}
