import { setTimeout as delay } from 'node:timers/promises'
import { found } from '../support/control-log.ts'
import { candidateModel } from '../support/model-names.ts'
import { nowMs } from '../support/now.ts'
import { standUp } from '../support/standing-run.ts'
import { type FaultCell, faultKinds } from './fault-cell.ts'
import type { FaultKind } from './model-server.ts'
import { goldenEntries, guardedRollout } from './rollouts.ts'
import type { SteadyTraffic } from './steady-traffic.ts'
import type { World } from './world.ts'

/** One run whose candidate went bad. Seconds count from the arrival of the first call that got a bad answer. */
export interface FaultTimes {
  readonly latchS: number
  readonly appliedS: number
  /** The last call that the candidate got. */
  readonly lastCandidateS: number
  /** Bad answers that people got, not counting shadow calls. */
  readonly badAnswers: number
  /** What fired, as the latch says. */
  readonly reason: string
}

export interface FaultResults {
  readonly cell: FaultCell
  readonly runs: readonly FaultTimes[]
  /** Runs that latched before they were given their fault: another run was made instead. */
  readonly latchedBefore: number
}

interface Tally {
  readonly runs: FaultTimes[]
  latchedBefore: number
}

/** Three runs at a time, each with a rate of its own. */
export const faultRoutes: readonly string[] = ['faulty-a', 'faulty-b', 'faulty-c']
const sideBySide = 50
const alone = 150
const noFaultMs = 1_000
/** Below this many sticky keys a person decides; all of them have to have been judged. */
const soundPeople = 320
const latchWithinMs = 180_000
const shares = [1, 0.5, 0.2]
const latchedBeforeMax = 2

/** @param count runs of each kind whose answers are all bad at the lower rate; of other cells a third as many */
export async function measureFaults(world: World, count: number): Promise<readonly FaultResults[]> {
  const low = faultKinds.flatMap((kind) => shares.map((share) => cellOf(kind, share, sideBySide)))
  const high = faultKinds.flatMap((kind) => [1, 0.2].map((share) => cellOf(kind, share, alone)))
  const few = Math.max(1, Math.round(count / 3))
  const repeated = (cell: FaultCell) => times(low.includes(cell) && cell.share === 1 ? count : few, cell)
  const done = new Map<FaultCell, Tally>()
  await Promise.all(pulling(world, faultRoutes, low.flatMap(repeated), done))
  await Promise.all(pulling(world, faultRoutes.slice(0, 1), high.flatMap(repeated), done))
  return resultsOf([...low, ...high], done)
}

/** The same with the default horizons. @param count runs of each kind whose answers are all bad */
export async function measureFaultsByDefault(world: World, count: number): Promise<readonly FaultResults[]> {
  const cells = faultKinds.map((kind) => cellOf(kind, 1, sideBySide, 'default'))
  const done = new Map<FaultCell, Tally>()
  const inTurn = times(count, cells).flat()
  await Promise.all(pulling(world, faultRoutes, inTurn, done))
  return resultsOf(cells, done)
}

function cellOf(
  kind: FaultKind,
  share: number,
  perSecond: number,
  horizons: FaultCell['horizons'] = 'short',
): FaultCell {
  return { kind, share, perSecond, horizons }
}

function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value)
}

function resultsOf(cells: readonly FaultCell[], done: ReadonlyMap<FaultCell, Tally>): readonly FaultResults[] {
  return cells.map((cell) => ({ cell, ...(done.get(cell) ?? { runs: [], latchedBefore: 0 }) }))
}

/** Each route takes the next job when it is done with one. */
function pulling(
  world: World,
  routes: readonly string[],
  jobs: FaultCell[],
  done: Map<FaultCell, Tally>,
): readonly Promise<void>[] {
  return routes.map(async (route) => {
    for (let cell = jobs.shift(); cell !== undefined; cell = jobs.shift()) {
      const tally = done.get(cell) ?? { runs: [], latchedBefore: 0 }
      done.set(cell, tally)
      const seen = await measureFault(world, route, cell)
      noted(cell, seen, jobs.length)
      if (seen !== null) tally.runs.push(seen)
      else {
        tally.latchedBefore += 1
        if (tally.latchedBefore <= latchedBeforeMax) jobs.push(cell)
      }
    }
  })
}

function noted({ kind, share, perSecond }: FaultCell, seen: FaultTimes | null, left: number): void {
  const came =
    seen === null
      ? 'latched before its fault'
      : `latch after ${seen.latchS.toFixed(2)} s, ${seen.badAnswers} bad answers`
  process.stderr.write(`${kind} ${share * 100} % at ${perSecond}/s: ${came}; ${left} to come\n`)
}

async function measureFault(world: World, route: string, cell: FaultCell): Promise<FaultTimes | null> {
  const { run } = await standUp(world, guardedRollout(route, cell.horizons), goldenEntries)
  forget(world, route)
  const traffic = world.traffic(route, cell.perSecond, null)
  try {
    return await breaking(world, { route, run, cell, traffic })
  } finally {
    world.model.setFault(candidateModel(route), null)
    await traffic.stop()
  }
}

interface Breaking {
  readonly route: string
  readonly run: string
  readonly cell: FaultCell
  readonly traffic: SteadyTraffic
}

/** Null when the run latched by itself. */
async function breaking(world: World, { route, run, cell, traffic }: Breaking): Promise<FaultTimes | null> {
  const { arrivals, log, model } = world
  const fresh = candidateModel(route)
  await found('enough sound answers', () => (traffic.counts.answered >= soundPeople ? true : null), 60_000)
  await delay(noFaultMs)
  const brokenMs = nowMs()
  model.setFault(fresh, { kind: cell.kind, share: cell.share })
  const mine = () => arrivals.filter((seen) => seen.model === fresh && seen.user !== null)
  const latch = await found(
    `a latch of ${run}`,
    () => log.latches.find(({ value }) => value.run === run),
    latchWithinMs,
  )
  if (latch.value.written_at < brokenMs) return null
  const ack = await found(`an ack of ${latch.value.id}`, () =>
    log.acks.find(({ value }) => value.route === route && value.brakes.includes(latch.value.id)),
  )
  await delay(500)
  const bad = mine().filter(({ faulty }) => faulty)
  const firstMs = bad[0]?.atMs ?? nowMs()
  const seconds = (atMs: number) => (atMs - firstMs) / 1_000
  return {
    latchS: seconds(latch.value.written_at),
    appliedS: seconds(ack.value.applied_at),
    lastCandidateS: seconds(mine().at(-1)?.atMs ?? firstMs),
    badAnswers: bad.length,
    reason: latch.value.reason,
  }
}

/** Calls of earlier runs on the route. */
function forget({ arrivals }: World, route: string): void {
  const others = arrivals.filter(({ model }) => !model.endsWith(`-${route}`))
  arrivals.splice(0, arrivals.length, ...others)
}
