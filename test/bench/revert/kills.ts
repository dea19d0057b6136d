import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Kill } from '../../../services/domain/events/records.ts'
import { found, type Heard } from '../support/control-log.ts'
import { candidateModel } from '../support/model-names.ts'
import { nowMs } from '../support/now.ts'
import { type StandingRun, standing, standUp } from '../support/standing-run.ts'
import { inTurn } from './in-turn.ts'
import { latchesPerSecond, latchPeople, latchRoutes } from './latches.ts'
import { candidatesPeople, revertMoment } from './revert-moment.ts'
import { brakedRollout } from './rollouts.ts'
import type { SteadyTraffic } from './steady-traffic.ts'
import type { World } from './world.ts'

/** Ms from asking for a kill. */
export interface KillTimes {
  /** Whoever was asked said that it is done. */
  readonly accepted: number
  /** The gateway had it in force; null where no ack says so. */
  readonly applied: number | null
  readonly lastCandidate: number
  /** From here on the candidate got nothing. */
  readonly nothing: number
}

/** api: as `penstock kill` asks for it. call: `POST /-/kill` to the gateway. file: the file that the gateway watches. */
export type KillBy = 'api' | 'call' | 'file'

const reason = 'bench'

/** Kills by the API, one after the other; each is released, and a person resumes the run, while the others have their turn. */
export async function measureApiKills(world: World, count: number): Promise<readonly KillTimes[]> {
  const { penstock, log } = world
  const traffic = world.traffic(latchRoutes[0] ?? '', latchesPerSecond, latchPeople)
  const standingOn = new Map<string, StandingRun>()
  const killed = new Map<string, string>()
  const standUpAgain = async (route: string): Promise<StandingRun> => {
    const before = standingOn.get(route)
    if (before === undefined) return standUp(world, brakedRollout(route))
    const { run, split } = before
    await penstock.post(`/v1/routes/${route}/release`, { reason, kill: killed.get(route) ?? '' })
    await found(`the end of the kill on ${route}`, () => log.kills.find(endOf(killed.get(route) ?? '')))
    await resumed(world, run)
    return standing(log, run, route, split.epoch)
  }
  try {
    return await inTurn(latchRoutes, count, {
      async standUp(route) {
        const standingRun = await standUpAgain(route)
        standingOn.set(route, standingRun)
        return standingRun
      },
      async measure({ route }) {
        const people = await turnTo(world, traffic, route)
        const askedMs = nowMs()
        await penstock.post(`/v1/routes/${route}/kill`, { reason })
        const acceptedMs = nowMs()
        const open = ({ value }: Heard<Kill>) => value.route === route && value.released_at === null
        const { value: kill } = await found(`a kill of ${route}`, () => {
          const last = log.kills.findLast(open)
          return last !== undefined && last.value.written_at >= Math.floor(askedMs) ? last : null
        })
        killed.set(route, kill.id)
        const ack = await found(`an ack of kill ${kill.id}`, () =>
          log.acks.find(({ value }) => value.route === route && value.brakes.includes(kill.id)),
        )
        const moment = await revertMoment(world.arrivals, route, people, askedMs)
        log.progress.length = 0
        return {
          accepted: acceptedMs - askedMs,
          applied: ack.value.applied_at - askedMs,
          lastCandidate: moment.lastCandidateMs - askedMs,
          nothing: moment.firstInsteadMs - askedMs,
        }
      },
    })
  } finally {
    await traffic.stop()
    for (const [route, kill] of killed)
      await penstock.post(`/v1/routes/${route}/release`, { reason, kill }).catch(() => undefined)
  }
}

const endOf =
  (id: string) =>
  ({ value }: Heard<Kill>) =>
    value.id === id && value.released_at !== null

/** The controller refuses to resume until it has seen the end of the kill. */
async function resumed({ penstock }: World, run: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await penstock.post(`/v1/runs/${run}/commands`, { kind: 'resume', reason })
      return
    } catch (error) {
      if (tries >= 50) throw error
      await delay(100)
    }
  }
}

/** Sends the traffic to a route, and learns who are its candidate's people. */
async function turnTo(world: World, traffic: SteadyTraffic, route: string): Promise<ReadonlySet<string>> {
  world.arrivals.length = 0
  traffic.route = route
  return candidatesPeople(world.arrivals, route, latchPeople)
}

/** Kills at the gateway itself, by a call from its own machine or by a file; needs neither Kafka nor anything else of ours. */
export async function measureLocalKills(
  world: World,
  by: Exclude<KillBy, 'api'>,
  count: number,
  { route, traffic }: { readonly route: string; readonly traffic: SteadyTraffic },
): Promise<readonly KillTimes[]> {
  const results: KillTimes[] = []
  const fresh = candidateModel(route)
  for (let turn = 0; turn < count; turn += 1) {
    const people = await turnTo(world, traffic, route)
    const askedMs = nowMs()
    await setLocalKill(world, by, true)
    const acceptedMs = nowMs()
    const moment = await revertMoment(world.arrivals, route, people, askedMs)
    results.push({
      accepted: acceptedMs - askedMs,
      applied: null,
      lastCandidate: moment.lastCandidateMs - askedMs,
      nothing: moment.firstInsteadMs - askedMs,
    })
    world.arrivals.length = 0
    await setLocalKill(world, by, false)
    await found(`calls to ${fresh} again`, () => world.arrivals.find(({ model }) => model === fresh))
  }
  return results
}

async function setLocalKill({ penstock, killFile }: World, by: 'call' | 'file', on: boolean): Promise<void> {
  if (by === 'file') {
    if (on) writeFileSync(killFile, '')
    else rmSync(killFile, { force: true })
    return
  }
  const url = penstock.gatewayUrl.replace(/\/v1$/, '/-/kill')
  const answer = await fetch(url, { method: on ? 'POST' : 'DELETE' })
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
}
