import { setTimeout as delay } from 'node:timers/promises'
import { writeRun } from '../../services/domain/rollout/run-document.ts'
import { topics } from '../../services/flow.ts'
import { partitionOf } from '../../services/platform/kafka/partition-counts.ts'
import { partitionHeader } from '../../services/rollout-controller/work.ts'
import { type Uncaptured, uncaptured } from '../support/uncaptured.ts'
import { calmRuns, compareDecisions, compareGates, compareLatches, type GateComparison } from './compare-gates.ts'
import {
  type Count,
  countDeadLetters,
  countDecisions,
  countEvidence,
  countExchanges,
  type EvidenceLog,
  type ExchangeLog,
} from './count-log.ts'
import { countLegs, countStoredDecisions, countStoredEvidence, countStoredPairs } from './count-store.ts'
import { type Done, startFaults } from './faults.ts'
import { type Sent, startFeed } from './feed.ts'
import { feedRunIds } from './feed-exchange.ts'
import { feedRuns } from './feed-run.ts'
import { type LedgerInstallation, startLedgerInstallation } from './installation.ts'
import { startOperator } from './operator.ts'
import { scheduleOf } from './schedule.ts'
import { readRuns, type UndisturbedEvidence, undisturbedEvidence } from './undisturbed.ts'

export interface LedgerOptions {
  readonly exchanges: number
  readonly minutes: number
  readonly seed: number
}

/** One line of the ledger. */
export interface Entry extends Count {
  readonly what: string
  /** Came too late to count, and is known to have. */
  readonly late: number | null
  readonly deadLettered: number | null
  /** Identical repetitions that everybody counts once. */
  readonly repeated: number | null
}

export interface Ledger {
  readonly options: LedgerOptions
  readonly entries: readonly Entry[]
  readonly gates: readonly GateComparison[]
  readonly faults: Done['counts']
  readonly storeAwaySeconds: number
  /** What the broker's disk could not be filled for; null when it was. */
  readonly diskProblem: string | null
  readonly endedByThemselves: Readonly<Record<string, number>>
  readonly gateway: Uncaptured
  readonly commandsInDoubt: number
  readonly givenUpByShadow: number
  readonly planned: Sent['planned']
  readonly minutes: { readonly feed: number; readonly settling: number; readonly counting: number }
}

const restMs = 5_000
/** Unchanged for so long means at rest: longer than a group takes to miss a member that was killed. */
const restRounds = 6
/** Also when a service still says that it has not done its job. */
const restRoundsAnyway = 36
const restWithinMs = 30 * 60_000

/** Feeds, breaks, waits until everything is at rest, and counts. */
export async function takeLedger(options: LedgerOptions, note: (what: string) => void): Promise<Ledger> {
  const installation = await startLedgerInstallation(note)
  try {
    const { penstock, stack, disk, traffic } = installation
    const beganMs = performance.now()
    const { feed, times } = await beginFeed(installation, options)
    const operator = startOperator(penstock, installation.run)
    const faults = startFaults(scheduleOf(options.seed, options.minutes), { stack, penstock, disk, note })
    const showing = setInterval(() => note(`${feed.begun} of ${options.exchanges} exchanges`), 10_000)
    const [sent, done] = await Promise.all([feed.done, faults.done]).finally(() => clearInterval(showing))
    const { answered, inDoubt } = await operator.stop()
    await traffic.stop()
    const fedMs = performance.now()
    note('waiting until everything is at rest')
    await atRest(installation, note)
    const restedMs = performance.now()
    note('counting')
    const counted = await countAll(
      installation,
      { sent, reasons: answered, times, deadAtMs: done.gatewayDeadAtMs },
      note,
    )
    const minutes = (fromMs: number, toMs: number) => (toMs - fromMs) / 60_000
    return {
      options,
      ...counted,
      faults: done.counts,
      storeAwaySeconds: done.storeAwayMs / 1_000,
      diskProblem: typeof disk === 'string' ? disk : null,
      endedByThemselves: penstock.restarts,
      commandsInDoubt: inDoubt,
      planned: sent.planned,
      minutes: {
        feed: minutes(beganMs, fedMs),
        settling: minutes(fedMs, restedMs),
        counting: minutes(restedMs, performance.now()),
      },
    }
  } finally {
    await installation.stop()
  }
}

async function beginFeed({ transport, codec }: LedgerInstallation, options: LedgerOptions) {
  const runs = feedRuns(Date.now())
  const producer = await transport.producer()
  for (const { run } of Object.values(runs)) {
    const headers = { [partitionHeader]: String(partitionOf(run.id, topics.commands.partitions)) }
    await producer.send([{ topic: topics.runs.name, key: run.id, value: Buffer.from(writeRun(run)), headers }])
  }
  await producer.close()
  const places = { feed: runs.feed.place, 'feed-worse': runs['feed-worse'].place }
  return { feed: startFeed({ transport, codec, places, ...options }), times: runs.feed.run.plan }
}

/** Topics and tables have not changed for as long as a group may take to give a dead member's partitions away. */
async function atRest({ transport, penstock }: LedgerInstallation, note: (what: string) => void): Promise<void> {
  const untilMs = performance.now() + restWithinMs
  let before = ''
  for (let same = 0, isReady = false; same < (isReady ? restRounds : restRoundsAnyway); ) {
    if (performance.now() > untilMs) throw new Error(`never came to rest: ${before}`)
    await delay(restMs)
    const ends = await Promise.all(
      [topics.evidence, topics.decisions, topics.deadLetters].map(({ name }) => transport.endOffsets(name)),
    )
    const [rows] = await penstock.query(
      'SELECT (SELECT count() FROM legs) AS legs, (SELECT uniqExact(id) FROM evidence) AS evidence',
    )
    const now = JSON.stringify([ends.map((topic) => topic.reduce((sum, { offset }) => sum + offset, 0)), rows])
    const ready = await Promise.all((['pairing', 'shadow', 'sink', 'gate-evaluator'] as const).map(penstock.isReady))
    isReady = !ready.includes(false)
    same = now === before ? same + 1 : 0
    if (same === 0) note(`at ${now}`)
    before = now
  }
}

interface Truth {
  readonly sent: Sent
  readonly reasons: readonly string[]
  readonly times: Parameters<typeof countExchanges>[3]
  readonly deadAtMs: Done['gatewayDeadAtMs']
}

async function countAll(
  { transport, codec, penstock, seen }: LedgerInstallation,
  { sent, reasons, times, deadAtMs }: Truth,
  note: (what: string) => void,
): Promise<Pick<Ledger, 'entries' | 'gates' | 'gateway' | 'givenUpByShadow'>> {
  const log = await countExchanges(transport, codec, sent, times)
  note('pairing the same log once more, undisturbed')
  const runs = await readRuns(transport)
  const calm = await undisturbedEvidence(transport, codec, runs, log.lastAppendMs)
  note('comparing evidence')
  const evidence = await countEvidence(transport, codec, times.legTimeoutMs)
  await tellDifferences(codec, calm, evidence, note)
  const decisions = await countDecisions(transport, codec, reasons)
  const letters = await countDeadLetters(transport, codec, log.poison)
  note('reading the store')
  const ask = penstock.query
  const legs = await countLegs(ask, log.stored)
  const storedEvidence = await countStoredEvidence(ask, new Set(evidence.first.keys()))
  const storedPairs = await countStoredPairs(ask, log.pairs.paired().size, times.legTimeoutMs)
  const storedDecisions = await countStoredDecisions(ask, new Set(decisions.byId.keys()))
  note('comparing gates')
  const calmly = calmRuns(codec, runs, calm)
  const gates = await compareGates(transport, calmly)
  const latches = await compareLatches(transport, codec, gates)
  const { differences, ...verdicts } = await compareDecisions(calmly, [...decisions.byId.values()])
  for (const difference of differences.slice(0, shownMax)) note(`decision ${difference}`)
  const gateway = uncaptured(seen, log.answered, deadAtMs)
  for (const one of gateway.lost.slice(0, shownMax)) note(`request ${one}`)
  return {
    gates,
    givenUpByShadow: log.givenUp,
    gateway,
    entries: [
      entry('exchange records acknowledged, in the log', log.acknowledged, {
        late: log.pairs.late(),
        repeated: log.repeated,
        deadLettered: log.poison.size,
      }),
      entry('exchange records of the log, in the store', legs),
      entry('requests answered by the gateway, in the log', {
        expected: gateway.answered - gateway.unsent,
        found: gateway.answered - gateway.missing,
        lost: gateway.missing - gateway.unsent,
        double: 0,
      }),
      entry('pairs with both answers, in the evidence topic', pairCount(log, evidence)),
      entry('pairs with both answers, in the store', storedPairs),
      entry('evidence, in the topic', evidenceCount(calm, evidence), {
        late: evidence.late,
        repeated: evidence.repeated,
      }),
      entry('evidence of the topic, in the store', storedEvidence),
      ...gates.map(({ run, expected, found }) =>
        entry(`evidence that entered the gate (${nameOf(run)})`, {
          expected,
          found,
          lost: Math.max(0, expected - found),
          double: Math.max(0, found - expected),
        }),
      ),
      entry('latches that the evidence asks for, on the topic of brakes', latches),
      entry('decisions on a verdict, of the same evidence', verdicts),
      entry('commands answered, in the decisions topic', decisions.commands),
      entry('decisions of the topic, in the store', storedDecisions),
      entry('unreadable records, in the dead letters', letters, {
        deadLettered: letters.found,
        repeated: letters.repeated,
      }),
    ],
  }
}

/** Runs of the gateway have a date in their names, which changes. */
function nameOf(run: string): string {
  return feedRunIds.some((id) => id === run) ? run : 'gateway'
}

function entry(
  what: string,
  count: Count,
  more: Partial<Pick<Entry, 'late' | 'deadLettered' | 'repeated'>> = {},
): Entry {
  const { expected, found, lost, double } = count
  return { what, expected, found, lost, double, late: null, deadLettered: null, repeated: null, ...more }
}

function pairCount(log: ExchangeLog, evidence: EvidenceLog): Count {
  const expected = log.pairs.paired()
  const found = [...evidence.pairs.keys()].filter((number) => expected.has(number)).length
  const given = [...evidence.pairs.values()].reduce((sum, times) => sum + times, 0)
  return { expected: expected.size, found, lost: expected.size - found, double: given - found }
}

const shownMax = 20

/** Which pieces differ, as they are and as they should be: where to begin to look. */
async function tellDifferences(
  codec: LedgerInstallation['codec'],
  { byId }: UndisturbedEvidence,
  { first }: EvidenceLog,
  note: (what: string) => void,
): Promise<void> {
  let shown = 0
  for (const [id, value] of first) {
    const should = byId.get(id)?.value
    if (should?.equals(value) === true) continue
    shown += 1
    if (shown > shownMax) return
    const texts = [value, should].map(async (one) =>
      one === undefined ? 'nothing' : JSON.stringify(await codec.decode(one)),
    )
    const [is, was] = await Promise.all(texts)
    note(`evidence ${id} is ${is} and should be ${was}`)
  }
}

/** Whatever differs from the undisturbed is lost, and what it knows nothing of is one too many. */
function evidenceCount({ byId, double: calmDouble }: UndisturbedEvidence, { first, differing }: EvidenceLog): Count {
  let [found, foreign] = [0, 0]
  for (const [id, value] of first) {
    const should = byId.get(id)
    if (should === undefined) foreign += 1
    else if (should.value.equals(value)) found += 1
  }
  return { expected: byId.size, found, lost: byId.size - found, double: foreign + differing + calmDouble }
}
