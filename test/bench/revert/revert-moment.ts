import { setTimeout as delay } from 'node:timers/promises'
import { found } from '../support/control-log.ts'
import { baselineModel, candidateModel } from '../support/model-names.ts'
import { nowMs } from '../support/now.ts'
import type { Arrival } from './model-server.ts'

/** When a candidate stopped getting calls, ms since the epoch, as its model saw it. */
export interface RevertMoment {
  readonly lastCandidateMs: number
  /** The first call of one of the candidate's own people that the baseline got instead: from here on it gets nothing. */
  readonly firstInsteadMs: number
}

/**
 * The people who are the candidate's. Waits until all of a route's people have been seen: had only some been, those who ask next would be strangers, and the first known
 * to get the baseline instead would come a round of all people later.
 */
export async function candidatesPeople(
  arrivals: readonly Arrival[],
  route: string,
  peopleOfRoute: number,
): Promise<ReadonlySet<string>> {
  const models = [baselineModel(route), candidateModel(route)]
  const peopleOf = (of: readonly string[]) =>
    new Set(arrivals.flatMap((seen) => (of.includes(seen.model) && seen.user !== null ? [seen.user] : [])))
  await found(`${peopleOfRoute} people on ${route}`, () => (peopleOf(models).size >= peopleOfRoute ? true : null))
  const people = peopleOf([candidateModel(route)])
  if (people.size === 0) throw new Error(`none of ${peopleOfRoute} people on ${route} is the candidate's`)
  return people
}

/** How long nothing may have come after it, for the moment to count as the last. */
const quietMs = 250

/** Waits until the candidate gets nothing any more. A call that comes later than the one that seemed to be the first instead counts again. */
export async function revertMoment(
  arrivals: readonly Arrival[],
  route: string,
  people: ReadonlySet<string>,
  afterMs: number,
): Promise<RevertMoment> {
  const [old, fresh] = [baselineModel(route), candidateModel(route)]
  const look = (): RevertMoment | null => {
    const live = arrivals.filter(({ user }) => user !== null && people.has(user))
    const last = live.findLast(({ model }) => model === fresh)
    const lastCandidateMs = last?.atMs ?? afterMs
    const instead = live.find(({ model, atMs }) => model === old && atMs > Math.max(afterMs, lastCandidateMs))
    return instead === undefined ? null : { lastCandidateMs, firstInsteadMs: instead.atMs }
  }
  for (;;) {
    const moment = await found(`the end of ${fresh}`, look, 60_000)
    const waitMs = moment.firstInsteadMs + quietMs - nowMs()
    if (waitMs > 0) await delay(waitMs)
    const again = look()
    if (again !== null && again.firstInsteadMs === moment.firstInsteadMs) return again
  }
}
