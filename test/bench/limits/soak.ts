import { setTimeout as delay } from 'node:timers/promises'
import { type ServiceName, serviceNames } from '../../support/service-installation.ts'
import { observedRollout } from '../revert/rollouts.ts'
import { noted } from '../support/open-penstock.ts'
import { fileOf } from '../support/rollout-file.ts'
import { standUp } from '../support/standing-run.ts'
import { type Look, lookAt } from './look.ts'
import type { Place } from './place.ts'

/** Memory of one service over the last half of the soak, MiB. */
export interface MemoryTrend {
  readonly resident: Trend
  readonly heap: Trend
}

export interface Trend {
  /** Least and most that was seen. */
  readonly least: number
  readonly most: number
  /** Median slope (Theil and Sen) through the least of each minute, times 24 h; NaN below five minutes. */
  readonly perDay: number
}

export interface SoakResults {
  readonly minutes: number
  readonly perSecond: number
  readonly sent: number
  readonly failed: number
  /** Runs that were started, promoted and rolled back meanwhile. */
  readonly runs: number
  /** One line a minute. */
  readonly lines: readonly SoakLine[]
  readonly trends: Readonly<Record<string, MemoryTrend>>
  readonly after: Look
  readonly restarts: number
}

/** MiB of each service: the least within the minute. */
export type SoakLine = Readonly<Record<string, { readonly residentMiB: number; readonly heapMiB: number }>>

/** One in shadow, one with a canary, and one whose rollouts come and go. */
export const soakRoutes = ['shadowed', 'canaried', 'changing'] as const
const [shadowed, canaried, changing] = soakRoutes
const perSecond: Readonly<Record<string, number>> = { [shadowed]: 15, [canaried]: 30, [changing]: 15 }
const people = 2_000
const lookS = 5
const minuteS = 60
const runLastsMs = 45_000

export async function measureSoak(place: Place, minutes: number): Promise<SoakResults> {
  const { penstock } = place
  await penstock.api.apply(fileOf(observedRollout(shadowed)), null)
  await standUp(place, observedRollout(canaried))
  const ending = new AbortController()
  const churn = keepChanging(place, ending.signal)
  const lines: SoakLine[] = []
  let [sent, failed] = [0, 0]
  const asking: Promise<void>[] = []
  for (let minute = 1; minute <= minutes; minute += 1) {
    for (const route of soakRoutes) {
      const turn = place.ask({ route, perSecond: perSecond[route] ?? 0, seconds: minuteS, people })
      asking.push(
        turn.then((samples) => {
          sent += samples.length
          failed += samples.filter(({ answer }) => answer === null).length
        }),
      )
    }
    const line = await leastOfMinute(place)
    lines.push(line)
    const said = Object.entries(line).map(
      ([service, { residentMiB, heapMiB }]) => `${service} ${residentMiB.toFixed(0)}/${heapMiB.toFixed(0)}`,
    )
    noted(`minute ${minute}: MiB resident/heap: ${said.join(', ')}`)
  }
  await Promise.all(asking)
  ending.abort()
  const runs = await churn
  return {
    minutes,
    perSecond: Object.values(perSecond).reduce((sum, each) => sum + each, 0),
    sent,
    failed,
    runs,
    lines,
    trends: trendsOf(lines),
    after: await lookAt(penstock),
    restarts: serviceNames.reduce((sum, service) => sum + penstock.restarts[service], 0),
  }
}

/** A run is applied, promoted to its canary, rolled back, and the next one begins. */
async function keepChanging(place: Place, signal: AbortSignal): Promise<number> {
  let runs = 0
  while (!signal.aborted) {
    const { run } = await standUp(place, observedRollout(changing))
    runs += 1
    await delay(runLastsMs, undefined, { signal }).catch(() => undefined)
    await place.penstock.post(`/v1/runs/${run}/commands`, { kind: 'rollback', reason: 'bench' })
  }
  return runs
}

/** Garbage makes memory go up and down: what is left at its least is what is held. */
async function leastOfMinute({ penstock }: Place): Promise<SoakLine> {
  const least: Record<string, { residentMiB: number; heapMiB: number }> = {}
  for (let second = 0; second < minuteS; second += lookS) {
    const beganMs = performance.now()
    const { memory } = await lookAt(penstock)
    for (const [service, seen] of Object.entries(memory)) {
      const known = least[service] ?? seen
      least[service] = {
        residentMiB: Math.min(known.residentMiB, seen.residentMiB),
        heapMiB: Math.min(known.heapMiB, seen.heapMiB),
      }
    }
    await delay(Math.max(0, beganMs + lookS * 1_000 - performance.now()))
  }
  return least
}

function trendsOf(lines: readonly SoakLine[]): Readonly<Record<string, MemoryTrend>> {
  const half = lines.slice(Math.floor(lines.length / 2))
  const trend = (service: ServiceName, of: 'residentMiB' | 'heapMiB'): Trend => {
    const values = half.flatMap((line) => line[service]?.[of] ?? [])
    return { least: Math.min(...values), most: Math.max(...values), perDay: medianSlope(values) * minutesPerDay }
  }
  return Object.fromEntries(
    serviceNames.map((service) => [
      service,
      { resident: trend(service, 'residentMiB'), heap: trend(service, 'heapMiB') },
    ]),
  )
}

const minutesPerDay = 1_440
const minutesMin = 5

/** Theil and Sen: the median of the slopes through all pairs of values; a single jump does not move it. NaN where there are too few to say. */
function medianSlope(values: readonly number[]): number {
  if (values.length < minutesMin) return Number.NaN
  const slopes = values.flatMap((value, index) =>
    values.slice(index + 1).map((later, ahead) => (later - value) / (ahead + 1)),
  )
  slopes.sort((a, b) => a - b)
  return slopes[Math.floor(slopes.length / 2)] ?? Number.NaN
}
