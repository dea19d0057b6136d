import { setTimeout as delay } from 'node:timers/promises'
import { serviceNames } from '../../support/service-installation.ts'
import { observedRollout } from '../revert/rollouts.ts'
import type { Sample } from '../support/load-generator.ts'
import { noConnection } from '../support/no-connection.ts'
import { noted } from '../support/open-penstock.ts'
import { type Quantiles, quantilesOf } from '../support/quantiles.ts'
import { standUp } from '../support/standing-run.ts'
import { until } from '../support/until.ts'
import { type Account, takeAccount } from './account.ts'
import { grown, type Look, loggedIn, lookAt } from './look.ts'
import type { Place } from './place.ts'
import { putLivePathFirst } from './precedence.ts'

/** Ten seconds under more than fits. */
export interface Slice {
  /** Seconds since the overload began, at the end of the slice. */
  readonly atS: number
  readonly sent: number
  /** Calls that the gateway refused at once with 503, ms until they heard of it. */
  readonly refused: { readonly count: number; readonly toldMs: Quantiles }
  /** Calls that found no connection free, because so many were under way. */
  readonly turnedAway: number
  /** Calls that failed in another way. */
  readonly failed: Readonly<Record<string, number>>
  /** Calls through the gateway, and beside them calls straight to the model, ms. */
  readonly through: Quantiles
  readonly straight: Quantiles
  /** How late the schedule itself was, ms: the machine has no time for whoever asks, either. */
  readonly late: Quantiles
  readonly look: Look
}

export interface OverloadResults {
  /** Each rate that was tried, and why it does not fit; null: it does. */
  readonly tried: readonly { readonly perSecond: number; readonly why: string | null }[]
  readonly fits: number
  readonly perSecond: number
  readonly before: Look
  readonly slices: readonly Slice[]
  /** From the last call until everything was handled; null: not within ten minutes. */
  readonly caughtUpS: number | null
  readonly after: Look
  readonly account: Account
  readonly logged: Readonly<Record<string, number>>
  /** What the doctor found wrong at the end of the overload. */
  readonly doctor: readonly string[]
  /** Why the run stood where it stood when all was over. */
  readonly gate: string
  /** Why brakes were put on, if any were. */
  readonly latches: readonly string[]
  readonly restarts: number
}

export const overloadRoutes = ['busy'] as const
const [route] = overloadRoutes
const shadow = { share: 1, startWithin: '2s', budget: { usd: 1_000, calls: 100_000_000 } }
const sliceS = 10
const straightPerSecond = 5
const people = 2_000
const firstRate = 40
const step = 1.25
const ratesMax = 20
/** The machine is shared: one stall of it would otherwise be taken for a limit of Penstock. */
const triesEach = 3
const warmS = 10
const caughtUpWithinS = 600
/** What the gateway answers to calls that it does not take on. */
const refusedAs = '503'

/** @param stepS how long each rate is tried */
export async function measureOverload(place: Place, minutes: number, stepS: number): Promise<OverloadResults> {
  const { penstock } = place
  putLivePathFirst(place.stack.dir)
  const { run } = await standUp(place, { ...observedRollout(route), shadow })
  await place.ask({ route, perSecond: firstRate / 2, seconds: warmS, people })
  const tried = await findWhatFits(place, stepS)
  const fits = Math.max(...tried.map(({ perSecond, why }) => (why === null ? perSecond : 0)))
  if (fits === 0) throw new Error(`not even ${firstRate} requests/s fit: ${tried[0]?.why}`)
  await caughtUp(place)
  const before = await lookAt(penstock)
  const perSecond = 2 * fits
  noted(`${fits} requests/s fit; now ${perSecond}`)
  const { slices, answered, doctor } = await overload(place, perSecond, minutes)
  const endedMs = performance.now()
  const isCaughtUp = await caughtUp(place).then(
    () => true,
    (error: unknown) => noted(String(error)) as undefined,
  )
  const caughtUpS = isCaughtUp === true ? (performance.now() - endedMs) / 1_000 : null
  const after = await lookAt(penstock)
  const account = await takeAccount(place, answered, grown(before.tapDrops, after.tapDrops))
  const { verdict } = await penstock.api.explain(run)
  return {
    tried,
    fits,
    perSecond,
    before,
    slices,
    caughtUpS,
    after,
    account,
    logged: loggedIn(penstock),
    doctor,
    gate: `${await penstock.api.status(run).then(({ phase }) => phase)}: ${verdict?.reasonCode}: ${verdict?.reason}`,
    latches: place.log.latches.map(({ value }) => value.reason),
    restarts: serviceNames.reduce((sum, service) => sum + penstock.restarts[service], 0),
  }
}

async function findWhatFits(place: Place, stepS: number): Promise<OverloadResults['tried']> {
  const tried: { readonly perSecond: number; readonly why: string | null }[] = []
  for (let perSecond = firstRate; tried.length < ratesMax; perSecond = Math.round(perSecond * step)) {
    const why = await tryAgain(place, perSecond, stepS)
    tried.push({ perSecond, why })
    if (why !== null) break
  }
  return tried
}

async function tryAgain(place: Place, perSecond: number, seconds: number): Promise<string | null> {
  for (let tries = 1; ; tries += 1) {
    const why = await tryRate(place, perSecond, seconds)
    noted(`${perSecond} requests/s: ${why ?? 'fit'}`)
    if (why === null || tries === triesEach) return why
    await caughtUp(place)
  }
}

async function tryRate(place: Place, perSecond: number, seconds: number): Promise<string | null> {
  const before = await lookAt(place.penstock)
  const samples = await place.ask({ route, perSecond, seconds, people })
  return whyNot(samples, before, await lookAt(place.penstock), perSecond)
}

const behindMaxS = 5
const sinkBehindMaxS = 20
const slowMs = 1_000
const skippedShareMax = 0.02
/** Records of one exchange, and so many seconds of them may be under way. */
const recordsEach = 4
const lagMaxS = 3

function whyNot(samples: readonly Sample[], before: Look, after: Look, perSecond: number): string | null {
  const failed = samples.filter(({ answer }) => answer === null).length
  const { p99 } = quantilesOf(samples.flatMap(({ answer }) => (answer === null ? [] : [answer.totalMs])))
  const lagMax = perSecond * recordsEach * lagMaxS
  const [service, lag = 0] =
    Object.entries(after.lag).find(([name, records]) => name !== 'sink' && records > lagMax) ?? []
  const legs = Object.entries(grown(before.shadowLegs, after.shadowLegs))
  const ofLegs = (ends: typeof legs) => ends.reduce((sum, [, count]) => sum + count, 0)
  const skipped = legs.filter(([how]) => how.startsWith('skipped'))
  const drops = Object.keys(grown(before.tapDrops, after.tapDrops))
  if (failed > 0) return `${failed} calls failed`
  if (p99 > slowMs) return `calls take ${p99.toFixed(0)} ms at p99`
  if (drops.length > 0) return `the tap left out: ${drops.join(', ')}`
  if (service !== undefined) return `${service} is ${lag} records behind`
  if (ofLegs(skipped) > skippedShareMax * ofLegs(legs))
    return `${ofLegs(skipped)} of ${ofLegs(legs)} shadow legs: ${skipped.map(([how]) => how).join(', ')}`
  if (after.behindS.pairing > behindMaxS) return `pairing is ${after.behindS.pairing.toFixed(1)} s behind`
  if (after.behindS.sink > sinkBehindMaxS) return `the store is ${after.behindS.sink.toFixed(0)} s behind`
  return null
}

async function overload(
  place: Place,
  perSecond: number,
  minutes: number,
): Promise<Pick<OverloadResults, 'slices' | 'doctor'> & { readonly answered: ReadonlySet<string> }> {
  const count = Math.max(1, Math.round((minutes * 60) / sliceS))
  const answered = new Set<string>()
  const slices: Promise<Slice>[] = []
  let doctor: readonly string[] = []
  const beganMs = performance.now()
  for (let index = 0; index < count; index += 1) {
    // Slices follow each other by the clock: what is late in one does not put off the next.
    await delay(Math.max(0, beganMs + index * sliceS * 1_000 - performance.now()))
    slices.push(takeSlice(place, { perSecond, atS: (index + 1) * sliceS, answered }))
    if (index === count - 1) doctor = await askDoctor(place)
  }
  return { slices: await Promise.all(slices), answered, doctor }
}

async function takeSlice(
  place: Place,
  { perSecond, atS, answered }: { readonly perSecond: number; readonly atS: number; readonly answered: Set<string> },
): Promise<Slice> {
  const looking = delay(sliceS * 1_000).then(() => lookAt(place.penstock))
  const [samples, straight, look] = await Promise.all([
    place.ask({ route, perSecond, seconds: sliceS, people }),
    place.askStraight({ perSecond: straightPerSecond, seconds: sliceS }),
    looking,
  ])
  const failed: Record<string, number> = {}
  const toldMs: number[] = []
  let turnedAway = 0
  for (const { answer, exchange, failure } of samples) {
    if (answer !== null && exchange !== null) answered.add(exchange)
    if (failure?.what === refusedAs) toldMs.push(failure.overMs)
    else if (failure?.what === noConnection) turnedAway += 1
    else if (failure !== null) failed[failure.what] = (failed[failure.what] ?? 0) + 1
  }
  const refused = { count: toldMs.length, toldMs: quantilesOf(toldMs) }
  const times = (of: readonly Sample[]) =>
    quantilesOf(of.flatMap(({ answer }) => (answer === null ? [] : [answer.totalMs])))
  const late = quantilesOf(samples.map(({ lateMs }) => lateMs))
  const slice = {
    atS,
    sent: samples.length,
    refused,
    turnedAway,
    failed,
    through: times(samples),
    straight: times(straight),
    late,
    look,
  }
  noted(
    `${atS} s: p99 ${slice.through.p99.toFixed(0)} ms, refused ${refused.count}, turned away ${turnedAway}, failed ${JSON.stringify(failed)}, lag ${JSON.stringify(look.lag)}, behind ${JSON.stringify(look.behindS)}, drops ${JSON.stringify(look.tapDrops)}, legs ${JSON.stringify(look.shadowLegs)}`,
  )
  return slice
}

interface DoctorView {
  readonly checks: readonly { readonly part: string; readonly state: string; readonly what: string }[]
}

async function askDoctor({ penstock }: Place): Promise<readonly string[]> {
  const { checks } = await penstock.get<DoctorView>('/v1/doctor')
  return checks.filter(({ state }) => state !== 'ok').map(({ part, state, what }) => `${part} ${state}: ${what}`)
}

/** Waits until everything that was sent has been handled, stored and passed by the gate. */
async function caughtUp({ penstock }: Place): Promise<void> {
  await until('everything to be caught up with', caughtUpWithinS, async () => {
    const { lag, behindS, tapWaiting } = await lookAt(penstock)
    const records = Object.values(lag).reduce((sum, each) => sum + each, 0)
    return (
      Object.keys(lag).length === serviceNames.length &&
      // What services write to each other all the time.
      records < 100 &&
      tapWaiting === 0 &&
      behindS.pairing < behindMaxS &&
      behindS.gate < 2 * behindMaxS &&
      behindS.sink < behindMaxS
    )
  })
  // The last horizons are over, and the store has its rows.
  await delay(settleMs)
}

const settleMs = 8_000
