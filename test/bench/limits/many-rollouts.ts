import { setTimeout as delay } from 'node:timers/promises'
import { type Topic, topics } from '../../../services/flow.ts'
import { serviceNames } from '../../support/service-installation.ts'
import { untilLatched } from '../revert/latches.ts'
import { observedRollout } from '../revert/rollouts.ts'
import { type BusyProcessors, countProcessors } from '../support/busy-processors.ts'
import { found } from '../support/control-log.ts'
import { noted } from '../support/open-penstock.ts'
import { type Quantiles, quantilesOf } from '../support/quantiles.ts'
import { fileOf } from '../support/rollout-file.ts'
import { type StandingRun, standing } from '../support/standing-run.ts'
import { until } from '../support/until.ts'
import { type Look, loggedIn, lookAt } from './look.ts'
import type { Place } from './place.ts'

export interface ManyRollouts {
  readonly rollouts: number
  readonly perSecond: number
  /** Ms that the API took to apply a rollout, and to answer with the list of all. */
  readonly apply: Quantiles
  readonly list: Quantiles
  readonly listBytes: number
  /** Seconds from the first promotion until all candidates had their share, acked by the gateway. */
  readonly promotedS: number
  /** Latches one after the other, and as many at once; both under traffic. */
  readonly oneByOne: LatchTimes
  readonly atOnce: LatchTimes
  /** Processors kept busy while traffic ran and nothing was changed. */
  readonly processors: BusyProcessors
  /** Records and bytes a second of the topics that grow with the number of runs. */
  readonly topics: Readonly<Record<string, { readonly records: number; readonly bytes: number }>>
  /** Ms that calls took before there was any rollout, with all of them, and with all of them when all routes are asked at the same moments. */
  readonly throughBefore: Quantiles
  readonly through: Quantiles
  readonly throughBursts: Quantiles
  /** Calls, and those of them that got no answer. */
  readonly asked: number
  readonly failed: number
  readonly before: Look
  readonly after: Look
  readonly logged: Readonly<Record<string, number>>
  readonly restarts: number
}

/** Ms from the acknowledgement of decisive evidence: the latch is written, and in force at the gateway. */
export interface LatchTimes {
  readonly latch: Quantiles
  readonly applied: Quantiles
}

export const manyRoutes = (rollouts: number): readonly string[] =>
  Array.from({ length: rollouts }, (_, index) => `route-${index}`)

const perSecond = 100
const people = 300
/** Of each kind. */
const latches = 10
const latchingS = 30
const lists = 20
const standWithinS = 300
const watched: readonly Topic[] = [
  topics.snapshots,
  topics.heartbeats,
  topics.acks,
  topics.splits,
  topics.brakes,
  topics.runs,
  topics.progress,
]

/** @param seconds how long traffic runs over all routes while nothing is changed */
export async function measureManyRollouts(place: Place, rollouts: number, seconds: number): Promise<ManyRollouts> {
  const { penstock, stack } = place
  const routes = manyRoutes(rollouts)
  const askAll = async (forS: number, apartMs = 1_000 / perSecond) => {
    const each = { perSecond: perSecond / rollouts, seconds: forS, people }
    return (
      await Promise.all(routes.map((route, index) => place.ask({ ...each, route, beginMs: index * apartMs })))
    ).flat()
  }
  const samplesBefore = await askAll(seconds)
  const before = await lookAt(penstock)
  const applied = await applyAll(place, routes)
  const { runs, promotedS } = await promoteAll(place, applied.runs)
  noted(`${rollouts} candidates have their share after ${promotedS.toFixed(1)} s`)
  const sizes = await watchTopics(place)
  const busy = countProcessors(stack.dir)
  const samples = await askAll(seconds)
  const processors = busy()
  const grownTopics = await sizes.stop(seconds)
  const lists = await timeLists(place)
  const meanwhile = askAll(latchingS)
  const oneByOne = await latchInTurn(place, runs.slice(0, latches))
  const atOnce = await latchAtOnce(place, runs.slice(latches, 2 * latches))
  samples.push(...(await meanwhile))
  const bursts = await askAll(seconds, 0)
  const all = [...samplesBefore, ...samples, ...bursts]
  return {
    rollouts,
    perSecond,
    apply: quantilesOf(applied.times),
    ...lists,
    promotedS,
    oneByOne,
    atOnce,
    processors,
    topics: grownTopics,
    throughBefore: durations(samplesBefore),
    through: durations(samples),
    throughBursts: durations(bursts),
    asked: all.length,
    failed: all.filter(({ answer }) => answer === null).length,
    before,
    after: await lookAt(penstock),
    logged: loggedIn(penstock),
    restarts: serviceNames.reduce((sum, service) => sum + penstock.restarts[service], 0),
  }
}

interface Applied {
  readonly run: string
  readonly route: string
}

async function applyAll(
  { penstock }: Place,
  routes: readonly string[],
): Promise<{ readonly runs: readonly Applied[]; readonly times: readonly number[] }> {
  const runs: Applied[] = []
  const times: number[] = []
  for (const route of routes) {
    const beganMs = performance.now()
    const { run } = await penstock.api.apply(fileOf(observedRollout(route)), null)
    times.push(performance.now() - beganMs)
    runs.push({ run, route })
    if (runs.length % 20 === 0) noted(`${runs.length} rollouts applied, the last in ${times.at(-1)?.toFixed(0)} ms`)
  }
  return { runs, times }
}

async function promoteAll(
  { penstock, log }: Place,
  runs: readonly Applied[],
): Promise<{ readonly runs: readonly StandingRun[]; readonly promotedS: number }> {
  const beganMs = performance.now()
  const stood: StandingRun[] = []
  for (const { run } of runs) {
    await until(`${run} to be in shadow`, standWithinS, async () => (await penstock.api.status(run)).phase === 'shadow')
    await penstock.post(`/v1/runs/${run}/commands`, { kind: 'promote', reason: 'bench' })
  }
  for (const { run, route } of runs) stood.push(await standing(log, run, route))
  return { runs: stood, promotedS: (performance.now() - beganMs) / 1_000 }
}

async function watchTopics(place: Place): Promise<{ stop(seconds: number): Promise<ManyRollouts['topics']> }> {
  const sums = new Map(watched.map(({ name }) => [name, { records: 0, bytes: 0 }]))
  const reader = await place.transport.read({
    topics: watched.map(({ name }) => name),
    startAt: 'end',
    async onBatch({ topic, records }) {
      const sum = sums.get(topic)
      if (sum === undefined) return
      sum.records += records.length
      for (const { value } of records) sum.bytes += value?.length ?? 0
    },
  })
  return {
    async stop(seconds) {
      await reader.stop()
      const each = ({ records, bytes }: { readonly records: number; readonly bytes: number }) => ({
        records: records / seconds,
        bytes: bytes / seconds,
      })
      return Object.fromEntries([...sums].map(([name, sum]) => [name, each(sum)]))
    },
  }
}

async function timeLists({ penstock }: Place): Promise<Pick<ManyRollouts, 'list' | 'listBytes'>> {
  const times: number[] = []
  let listBytes = 0
  for (let index = 0; index < lists; index += 1) {
    const beganMs = performance.now()
    listBytes = JSON.stringify(await penstock.get('/v1/runs')).length
    times.push(performance.now() - beganMs)
  }
  return { list: quantilesOf(times), listBytes }
}

function durations(samples: readonly { readonly answer: { readonly totalMs: number } | null }[]): Quantiles {
  return quantilesOf(samples.flatMap(({ answer }) => (answer === null ? [] : [answer.totalMs])))
}

async function latchInTurn(place: Place, runs: readonly StandingRun[]): Promise<LatchTimes> {
  const times: { readonly latch: number; readonly applied: number }[] = []
  for (const run of runs) {
    // Not in step with anybody's clock.
    await delay(300 + Math.random() * 500)
    times.push(await latched(place, run))
    place.log.progress.length = 0
  }
  return latchTimesOf(times)
}

async function latchAtOnce(place: Place, runs: readonly StandingRun[]): Promise<LatchTimes> {
  return latchTimesOf(await Promise.all(runs.map((run) => latched(place, run))))
}

async function latched(place: Place, run: StandingRun): Promise<{ readonly latch: number; readonly applied: number }> {
  const { log } = place
  const { ackedMs, dueMs } = await untilLatched(place, run)
  const { value } = await found(`a latch of ${run.run}`, () =>
    log.latches.find(({ value: one }) => one.run === run.run),
  )
  const { value: ack } = await found(`an ack of ${value.id}`, () =>
    log.acks.find(({ value: one }) => one.route === run.route && one.brakes.includes(value.id)),
  )
  const from = Math.max(ackedMs, dueMs)
  return { latch: value.written_at - from, applied: ack.applied_at - from }
}

function latchTimesOf(times: readonly { readonly latch: number; readonly applied: number }[]): LatchTimes {
  return {
    latch: quantilesOf(times.map(({ latch }) => latch)),
    applied: quantilesOf(times.map(({ applied }) => applied)),
  }
}
