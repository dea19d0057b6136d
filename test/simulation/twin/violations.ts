import type { Evidence } from '../../../services/domain/events/records.ts'
import type { Run } from '../../../services/domain/rollout/run.ts'
import { readRun } from '../../../services/domain/rollout/run-document.ts'
import { topics } from '../../../services/flow.ts'
import { createSnapshotCollector } from '../../../services/gate-evaluator/gate-snapshot.ts'
import type { MemoryTransport } from '../../../services/platform/kafka/memory-transport.ts'
import { gateDifference } from '../../support/undisturbed-gate.ts'
import { openBroker, pairingProgram, recordsOf, storedTopics, valuesOf } from './installation.ts'
import { runId } from './people.ts'
import { type Outcome, startMs } from './run-schedule.ts'
import { VirtualProcess } from './virtual-process.ts'
import { VirtualTime } from './virtual-time.ts'

/** What a schedule broke of what Penstock promises; empty when it kept everything. */
export async function violations(outcome: Outcome): Promise<readonly string[]> {
  const found = [
    ...Object.entries(outcome.failures).flatMap(([name, causes]) => causes.map((cause) => `${name} ended: ${cause}`)),
    ...(await storeViolations(outcome)),
    ...(await controlViolations(outcome)),
    ...(await evidenceViolations(outcome)),
  ]
  return found
}

/** Every record that the sink reads is in the store, once. */
async function storeViolations({ broker, store, endMs }: Outcome): Promise<readonly string[]> {
  const found: string[] = []
  const counted = new Map<string, number>()
  for (const place of store.rows()) counted.set(place, (counted.get(place) ?? 0) + 1)
  for (const topic of storedTopics)
    for (const { partition, offset, timestampMs, value } of await recordsOf(broker, topic)) {
      if (value === null) continue
      // Of the last moments something may still be on its way.
      if (timestampMs > endMs - 2_000) continue
      const times = counted.get(`${topic}/${partition}/${offset}`) ?? 0
      if (times !== 1) found.push(`store: ${topic}/${partition}/${offset} is there ${times} times`)
    }
  return found
}

async function controlViolations(outcome: Outcome): Promise<readonly string[]> {
  const { broker, served, schedule } = outcome
  const found: string[] = []
  const splits = await valuesOf(broker, topics.splits.name, 'Split')
  for (const [index, { decoded }] of splits.entries())
    if (decoded.epoch <= (splits[index - 1]?.decoded.epoch ?? -1)) found.push(`splits: epoch ${decoded.epoch} again`)
  const decisions = await valuesOf(broker, topics.decisions.name, 'Decision')
  const ids = decisions.map(({ decoded }) => decoded.id)
  for (const id of new Set(ids))
    if (ids.filter((other) => other === id).length > 1) found.push(`decisions: ${id} more than once`)
  const run = await lastRun(broker)
  // A run that was refused, because a kill was open when the controller came to it, never was.
  if (run === null) return decisions.length > 0 ? found : [...found, 'runs: no run and no decision at the end']
  const latches = await valuesOf(broker, topics.brakes.name, 'Latch')
  const [latch] = latches
  if (new Set(latches.map(({ decoded }) => decoded.id)).size > 1) found.push('brakes: more than one latch')
  if (latch !== undefined) {
    // A latch binds a run that is over no more than any other.
    if (!['rolled_back', 'completed'].includes(run.state.phase))
      found.push(`latched, but the run is ${run.state.phase} at the end`)
    const after = served.filter(
      ({ arm, atMs }) => arm === 'candidate' && atMs > latch.timestampMs + obeyedWithinMs(schedule),
    )
    if (after.length > 0) found.push(`the candidate got ${after.length} requests long after the latch`)
  }
  if (schedule.harm === 'none' && latch !== undefined) found.push(`latched without harm: ${latch.decoded.reason}`)
  const kills = await valuesOf(broker, topics.brakes.name, 'Kill')
  for (const { timestampMs, decoded } of kills) {
    const end = kills.find((other) => other.timestampMs > timestampMs)?.timestampMs ?? Number.POSITIVE_INFINITY
    const killed = served.filter(
      ({ arm, atMs }) => arm === 'candidate' && atMs > timestampMs + obeyedWithinMs(schedule) && atMs < end,
    )
    if (decoded.released_at === null && killed.length > 0) found.push(`killed, but ${killed.length} requests went on`)
  }
  return [...found, ...(await leaseViolations(outcome))]
}

/** A gateway that hears nothing falls back when its lease ends: the longest fault and the lease. */
function obeyedWithinMs({ faults, leaseMs }: Outcome['schedule']): number {
  return leaseMs + Math.max(0, ...faults.map(({ forMs }) => forMs))
}

/** The way of a heartbeat. */
const beatTakesMs = 100

/**
 * Without a gate that sees, nobody is sent to a canary for longer than the lease and the way of a heartbeat. A lease counts from receipt: a beat that waited
 * while its gateway stood still, or the broker, is as good as new.
 */
async function leaseViolations({ broker, served, schedule }: Outcome): Promise<readonly string[]> {
  const beats = (await recordsOf(broker, topics.heartbeats.name)).map(({ timestampMs }) => timestampMs)
  const stood = schedule.faults.filter(
    (fault) =>
      fault.kind === 'broker-stall' ||
      fault.kind === 'replica-behind' ||
      (fault.kind === 'pause' && fault.process.startsWith('gateway')),
  )
  const leaseMs = schedule.leaseMs + beatTakesMs + Math.max(0, ...stood.map(({ forMs }) => forMs))
  const unguarded = served.filter(
    ({ arm, place, atMs }) =>
      arm === 'candidate' &&
      (place?.candidate_weight ?? 0) < 100_000 &&
      !beats.some((beatMs) => beatMs <= atMs && beatMs > atMs - leaseMs),
  )
  return unguarded.length === 0 ? [] : [`${unguarded.length} requests went to a canary that no gate guarded`]
}

export async function lastRun(broker: MemoryTransport): Promise<Run | null> {
  const last = (await recordsOf(broker, topics.runs.name)).filter(({ key }) => key === runId).at(-1)
  return last?.value == null ? null : readRun(last.value.toString())
}

/** The evidence is what a pairing makes of the same log to which nothing happens, and the gate knows what that evidence says. */
async function evidenceViolations(outcome: Outcome): Promise<readonly string[]> {
  const calm = await replayed(outcome)
  const found: string[] = []
  const [was, should] = [await firstEvidence(outcome.broker), await firstEvidence(calm)]
  for (const [id, evidence] of should) {
    const made = was.get(id)
    if (made === undefined) found.push(`evidence: ${evidence.comparison} of ${evidence.exchange_id} is missing`)
    else if (JSON.stringify(made) !== JSON.stringify(evidence))
      found.push(`evidence: ${evidence.comparison} of ${evidence.exchange_id} differs`)
  }
  for (const [id, evidence] of was)
    if (!should.has(id)) found.push(`evidence: ${evidence.comparison} of ${evidence.exchange_id} is not due`)
  return [...found, ...(await gateViolations(outcome, should))]
}

/** What the gate knew when it was last heard of is what this evidence says up to there, whatever happened to the gate on the way. */
async function gateViolations(outcome: Outcome, evidence: ReadonlyMap<string, Evidence>): Promise<readonly string[]> {
  const { broker } = outcome
  const snapshots = createSnapshotCollector()
  for (const { key, value } of await recordsOf(broker, topics.snapshots.name)) snapshots.onRecord(key ?? '', value)
  const data = snapshots.snapshotOf(runId)?.data
  const run = await lastRun(broker)
  if (run === null) return []
  if (data === undefined) return (await hadEvidence(outcome)) ? ['gate: no snapshot'] : []
  const difference = await gateDifference(run, data, [...evidence.values()])
  return difference === null ? [] : [`gate: its state differs\n  ${difference.was}\n  ${difference.should}`]
}

/** A gate was there for some evidence of a run that was not over, and for as long as a snapshot takes. One that comes back to a run that is, or to one of which nothing was mirrored, has nothing to say. */
async function hadEvidence({ broker, schedule, endMs }: Outcome): Promise<boolean> {
  const beganMs = endMs - schedule.trafficMs - schedule.settlingMs
  const decisions = await valuesOf(broker, topics.decisions.name, 'Decision')
  const ended = decisions.find(({ decoded }) => decoded.to_phase === 'rolled_back' || decoded.to_phase === 'completed')
  const overMs = ended?.timestampMs ?? Number.POSITIVE_INFINITY
  const away = schedule.faults.filter((fault) => 'process' in fault && fault.process === 'gate')
  const isAway = (ms: number) =>
    away.some(
      ({ atMs, forMs }) => ms + snapshotsWithinMs > beganMs + atMs && ms < beganMs + atMs + forMs + gateStartsWithinMs,
    )
  const evidence = await valuesOf(broker, topics.evidence.name, 'Evidence')
  return evidence.some(({ timestampMs }) => timestampMs < overMs && !isAway(timestampMs))
}

const gateStartsWithinMs = 1_000
const snapshotsWithinMs = 1_000

/** First record of each piece of evidence: later ones are repetitions. */
async function firstEvidence(broker: MemoryTransport): Promise<ReadonlyMap<string, Evidence>> {
  const first = new Map<string, Evidence>()
  for (const { decoded } of await valuesOf(broker, topics.evidence.name, 'Evidence'))
    if (!first.has(decoded.id)) first.set(decoded.id, decoded)
  return first
}

/** The same exchanges and runs, appended at the same times, before one pairing that nothing disturbs. */
async function replayed({ broker, endMs, schedule }: Outcome): Promise<MemoryTransport> {
  const time = new VirtualTime(startMs)
  const calm = await openBroker(time)
  const around = {
    time,
    transport: calm,
    sessionMs: schedule.sessionMs,
    latencyMs: () => 1,
    transactionFault: () => null,
  }
  const producer = await calm.producer()
  for (const topic of [topics.runs.name, topics.exchanges.name])
    for (const { timestampMs, key, value, partition, headers } of await recordsOf(broker, topic))
      time.at(timestampMs, () => void producer.send([{ topic, key, value, partition, headers }]))
  new VirtualProcess(pairingProgram('pairing'), around).boot()
  await time.run(endMs)
  return calm
}
