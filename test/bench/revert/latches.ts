import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Evidence } from '../../../services/domain/events/records.ts'
import { topics } from '../../../services/flow.ts'
import { found } from '../support/control-log.ts'
import { nowMs } from '../support/now.ts'
import { type StandingRun, standUp } from '../support/standing-run.ts'
import { inTurn } from './in-turn.ts'
import { candidatesPeople, revertMoment } from './revert-moment.ts'
import { brakedRollout, graceMs, legTimeoutMs } from './rollouts.ts'
import type { SteadyTraffic } from './steady-traffic.ts'
import type { World } from './world.ts'

/** Ms from the moment at which the broker had acknowledged the deciding evidence and it had fallen due: none can decide earlier. */
export interface LatchTimes {
  /** How often evidence was sent: what is acknowledged after pairing has said that it read past its time is late, and decides nothing. */
  readonly sent: number
  /** From handing the evidence to the producer to its acknowledgement. */
  readonly produceMs: number
  /** Pairing said that all exchanges have been read past the moment at which the evidence fell due. */
  readonly progress: number
  /** The gate wrote its latch. */
  readonly latch: number
  /** The latch was read from its topic, by this benchmark. */
  readonly latchRead: number
  /** The gate's verdict was read from the commands topic. */
  readonly verdictRead: number
  /** The controller's split at weight 0 was read from its topic. */
  readonly splitRead: number
  /** The gateway had the latch in force. */
  readonly applied: number
  /** Its ack was read from its topic. */
  readonly ackRead: number
  readonly lastCandidate: number
  /** From here on the candidate got nothing. */
  readonly nothing: number
}

export const latchesPerSecond = 100
export const latchPeople = 50
const routes = ['a', 'b', 'c', 'd']
const records = 60
const sentMax = 5
const lateAfterMs = 5_000
/** The first of each route warm up what is cold, and are not kept. */
const warmUp = routes.length
/** Evidence is sent so long before it falls due: pairing says that it has read past that moment only after its evidence is acknowledged, and so must this. */
const leadMs = 100

export const latchRoutes: readonly string[] = routes

/** So many latches, one after the other, from evidence that is produced onto the log. */
export async function measureLatches(world: World, count: number): Promise<readonly LatchTimes[]> {
  const traffic = world.traffic(routes[0] ?? '', latchesPerSecond, latchPeople)
  try {
    const all = await inTurn(routes, warmUp + count, {
      standUp: (route) => standUp(world, brakedRollout(route)),
      measure: (standing) => measureLatch(world, traffic, standing),
    })
    return all.slice(warmUp)
  } finally {
    await traffic.stop()
  }
}

async function measureLatch(world: World, traffic: SteadyTraffic, standing: StandingRun): Promise<LatchTimes> {
  const { arrivals, log } = world
  const { run, route, split } = standing
  arrivals.length = 0
  traffic.route = route
  const people = await candidatesPeople(arrivals, route, latchPeople)
  // Not in step with anybody's clock.
  await delay(300 + Math.random() * 500)
  const { beginMs, ackedMs, dueMs, sent } = await untilLatched(world, standing)
  const latch = await found(`a latch of ${run}`, () => log.latches.find(({ value }) => value.run === run))
  const verdict = await found(`a verdict on ${run}`, () =>
    log.commands.find(({ value }) => value.run === run && value.kind === 'verdict' && /rollback/.test(value.payload)),
  )
  const lowered = await found(`the split after ${run}`, () =>
    log.splits.find(({ value }) => value.run === run && value.epoch > split.epoch),
  )
  const ack = await found(`an ack of ${latch.value.id}`, () =>
    log.acks.find(({ value }) => value.route === route && value.brakes.includes(latch.value.id)),
  )
  const moment = await revertMoment(arrivals, route, people, beginMs)
  const since = (atMs: number) => atMs - Math.max(ackedMs, dueMs)
  const times = {
    sent,
    produceMs: ackedMs - beginMs,
    progress: since(progressPast(world, dueMs)),
    latch: since(latch.value.written_at),
    latchRead: since(latch.readMs),
    verdictRead: since(verdict.readMs),
    splitRead: since(lowered.readMs),
    applied: since(ack.value.applied_at),
    ackRead: since(ack.readMs),
    lastCandidate: since(moment.lastCandidateMs),
    nothing: since(moment.firstInsteadMs),
  }
  log.progress.length = 0
  return times
}

/** When the evidence was sent that decided: handed over, acknowledged and due. */
export interface Injected {
  readonly beginMs: number
  readonly ackedMs: number
  readonly dueMs: number
  readonly sent: number
}

/** Sends decisive evidence, and other such evidence when it came late. */
export async function untilLatched(
  { codec, log, producer }: Pick<World, 'codec' | 'log' | 'producer'>,
  standing: StandingRun,
): Promise<Injected> {
  const { run } = standing
  for (let sent = 1; sent <= sentMax; sent += 1) {
    const dueMs = Math.ceil(nowMs()) + leadMs
    const evidence = decisiveEvidence(standing, dueMs)
    const beginMs = nowMs()
    await producer.send(
      evidence.map((value) => ({ topic: topics.evidence.name, key: run, value: codec.encode('Evidence', value) })),
    )
    const ackedMs = nowMs()
    for (const endMs = ackedMs + lateAfterMs; nowMs() < endMs; await delay(20))
      if (log.latches.some(({ value }) => value.run === run)) return { beginMs, ackedMs, dueMs, sent }
  }
  throw new Error(`no latch of ${run}, however often evidence was sent`)
}

/** When the last of the exchange partitions was said to have been read past a moment of the broker's clock. */
function progressPast({ log }: World, dueMs: number): number {
  const firsts = Array.from({ length: topics.exchanges.partitions }, (_, partition) =>
    log.progress.find(({ value }) => value.exchange_partition === partition && value.read_through >= dueMs),
  )
  return Math.max(...firsts.map((first) => first?.sentMs ?? Number.NaN))
}

/** The candidate failed people of its own, and failed them alone; read at the age at which every leg is final, which is now. */
function decisiveEvidence({ run, split }: StandingRun, dueMs: number): readonly Evidence[] {
  const [rule] = split.rules
  if (rule === undefined) throw new Error(`the split of ${run} has no rule`)
  return Array.from({ length: records }, (): Evidence => {
    const exchange = randomUUID()
    return {
      id: randomUUID().replaceAll('-', ''),
      version: 0,
      place: {
        run,
        wave: rule.wave,
        stage_entry: split.stage_entries[rule.wave] ?? 0,
        stage: split.stages[rule.wave] ?? '',
        epoch: split.epoch,
        rule: rule.id,
        candidate_weight: rule.candidate_weight,
      },
      exchange_id: exchange,
      comparison: 'live_ab',
      source: 'pairing',
      horizon_ms: legTimeoutMs,
      arrived_at: dueMs - legTimeoutMs - graceMs,
      arm: 'candidate',
      baseline_resolution: null,
      candidate_resolution: 'failed',
      unit: exchange,
      assignment_unit: exchange,
      turn: 0,
      tenant: 'acme',
      segments: {},
      inclusion_p: 1,
      metrics: [{ name: 'error', baseline: null, candidate: 1 }],
      late: false,
    }
  })
}
