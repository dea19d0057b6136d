import { setTimeout as delay } from 'node:timers/promises'
import { found } from '../support/control-log.ts'
import { candidateModel } from '../support/model-names.ts'
import { nowMs } from '../support/now.ts'
import { standUp } from '../support/standing-run.ts'
import { type FaultCell, faultKinds } from './fault-cell.ts'
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
const latchWithinMs = 60_000
const latchedBeforeMax = 2

/** @param count runs of each kind whose answers are all bad at the lower rate; of other cells a fifth as many at that rate, and one at the higher */
export async function measureFaults(world: World, count: number): Promise<readonly FaultResults[]> {
  const few = Math.max(1, Math.round(count / 5))
  const cells = (perSecond: number, shares: readonly number[]) =>
    faultKinds.flatMap((kind) => shares.map((share): FaultCell => ({ kind, share, perSecond })))
  const repeated = (cell: FaultCell) => {
    const times = cell.perSecond === alone ? 1 : cell.share === 1 ? count : few
    return Array.from({ length: times }, (): FaultCell => cell)
  }
  const done = new Map<FaultCell, Tally>()
  const [low, high] = [cells(sideBySide, [1, 0.5, 0.2]), cells(alone, [1, 0.2])]
  await Promise.all(pulling(world, faultRoutes, low.flatMap(repeated), done))
  await Promise.all(pulling(world, faultRoutes.slice(0, 1), high.flatMap(repeated), done))
  return [...low, ...high].map((cell) => ({ cell, ...(done.get(cell) ?? { runs: [], latchedBefore: 0 }) }))
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
      const times = await measureFault(world, route, cell)
      noted(cell, times, jobs.length)
      if (times !== null) tally.runs.push(times)
      else {
        tally.latchedBefore += 1
        if (tally.latchedBefore <= latchedBeforeMax) jobs.push(cell)
      }
    }
  })
}

function noted({ kind, share, perSecond }: FaultCell, times: FaultTimes | null, left: number): void {
  const came =
    times === null
      ? 'latched before its fault'
      : `latch after ${times.latchS.toFixed(2)} s, ${times.badAnswers} bad answers`
  process.stderr.write(`${kind} ${share * 100} % at ${perSecond}/s: ${came}; ${left} to come\n`)
}

async function measureFault(world: World, route: string, cell: FaultCell): Promise<FaultTimes | null> {
  const { run } = await standUp(world, guardedRollout(route), goldenEntries)
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
