import type { DeadLetter, Decision, Evidence, Records, Response } from '../../services/domain/events/records.ts'
import { topics } from '../../services/flow.ts'
import type { Transport } from '../../services/platform/kafka/transport.ts'
import type { ProjectingCodec } from '../../services/platform/registry/codec.ts'
import { eachRecord } from '../support/each-record.ts'
import { codeOf, type ExpectedPairs, expectPairs, type PairTimes } from './expected-pairs.ts'
import { poisonCode, type Sent } from './feed.ts'
import { attemptOf, feedPrefix, feedRunIds, type RecordKind } from './feed-exchange.ts'

/** How many were expected and found; `lost` and `double` are what must be 0. */
export interface Count {
  readonly expected: number
  readonly found: number
  readonly lost: number
  readonly double: number
}

/** What stands in the exchanges topic, held against what producers were told. */
export interface ExchangeLog {
  /** Records that a producer was told are written: found where it was told, missing, or written once more than told. */
  readonly acknowledged: Count
  /** Records that stand in the log beyond what was acknowledged: a batch in doubt that was sent again by a new producer. */
  readonly repeated: number
  /** Legs of the feed that the shadow service gave up, because a plan was in the log and its answer not yet when it was started again. */
  readonly givenUp: number
  /** By partition: offset of each record that belongs into the store. */
  readonly stored: readonly ReadonlySet<number>[]
  readonly poison: ReadonlySet<string>
  /** Exchanges of real traffic whose live answer is in the log. */
  readonly answered: ReadonlySet<string>
  readonly pairs: ExpectedPairs
  readonly lastAppendMs: number
}

export async function countExchanges(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  sent: Sent,
  times: PairTimes,
): Promise<ExchangeLog> {
  const heads = codec.project({
    Request: ['exchange_id'],
    ShadowPlan: ['exchange_id'],
    Response: ['exchange_id', 'leg', 'arm', 'attempt_id', 'resolution'],
  })
  const stored = sent.acknowledged.map(() => new Set<number>())
  const poison = new Set<string>()
  const answered = new Set<string>()
  const pairs = expectPairs(times)
  let [found, repeated, givenUp, lastAppendMs] = [0, 0, 0, 0]
  await eachRecord(transport, topics.exchanges.name, async ({ partition, offset, value, timestampMs }) => {
    // A mark of a quiet partition: pairing writes them for ever.
    if (value === null) return
    lastAppendMs = Math.max(lastAppendMs, timestampMs)
    const told = sent.acknowledged[partition]?.[offset]
    const head = await heads.decode(value)
    if (head.kind === 'bad') {
      poison.add(`${partition}/${offset}`)
      if (told === poisonCode) found += 1
      return
    }
    if (head.name !== 'ShadowPlan') stored[partition]?.add(offset)
    const id = head.value.exchange_id
    if (!id.startsWith(feedPrefix)) {
      if (head.name === 'Response' && head.value.leg === 'live') answered.add(id)
      return
    }
    const kind = kindOf(head)
    const number = Number(id.slice(feedPrefix.length))
    pairs.note(
      number,
      { kind, isAnswered: head.name === 'Response' && head.value.resolution === 'answered' },
      timestampMs,
    )
    if (head.name === 'Response' && head.value.attempt_id !== attemptOf(number, kind)) givenUp += 1
    else if (told === undefined) repeated += 1
    else if (told === codeOf(number, kind)) found += 1
  })
  const acknowledged = { expected: sent.records, found, lost: sent.records - found, double: 0 }
  return { acknowledged, repeated, givenUp, stored, poison, answered, pairs, lastAppendMs }
}

type Head =
  | { readonly name: 'Request' }
  | { readonly name: 'ShadowPlan' }
  | { readonly name: 'Response'; readonly value: Pick<Response, 'leg' | 'arm'> }

function kindOf(head: Head): RecordKind {
  if (head.name === 'Request') return 'request'
  if (head.name === 'ShadowPlan') return 'plan'
  if (head.value.leg === 'live') return 'live'
  return head.value.arm === 'candidate' ? 'shadow' : 'second'
}

/** Evidence as it stands in its topic. */
export interface EvidenceLog {
  /** Id → the bytes of its first record. */
  readonly first: ReadonlyMap<string, Buffer>
  /** Repetitions of records, byte for byte: at least once, and counted once by everybody. */
  readonly repeated: number
  /** Ids that stand there with two different contents. */
  readonly differing: number
  readonly late: number
  /** Pairs of the feed with both answers, by number of their exchange: how often. */
  readonly pairs: ReadonlyMap<number, number>
}

const feedRuns: ReadonlySet<string> = new Set(feedRunIds)

function isFeedPair(evidence: Evidence, horizonMs: number): boolean {
  return (
    feedRuns.has(evidence.place.run) &&
    evidence.comparison === 'content_ab' &&
    evidence.horizon_ms === horizonMs &&
    evidence.baseline_resolution === 'answered' &&
    evidence.candidate_resolution === 'answered'
  )
}

export async function countEvidence(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  horizonMs: number,
): Promise<EvidenceLog> {
  const first = new Map<string, Buffer>()
  const differing = new Set<string>()
  const pairs = new Map<number, number>()
  let [repeated, late] = [0, 0]
  await eachRecord(transport, topics.evidence.name, async ({ value }) => {
    const decoded = value === null ? null : await codec.decode(value)
    if (value === null || decoded?.kind !== 'record' || decoded.name !== 'Evidence') return
    const evidence = decoded.value
    const known = first.get(evidence.id)
    if (known !== undefined) {
      if (known.equals(value)) repeated += 1
      else differing.add(evidence.id)
      return
    }
    first.set(evidence.id, Buffer.from(value))
    if (evidence.late) late += 1
    if (!isFeedPair(evidence, horizonMs)) return
    const number = Number(evidence.exchange_id.slice(feedPrefix.length))
    pairs.set(number, (pairs.get(number) ?? 0) + 1)
  })
  return { first, repeated, differing: differing.size, late, pairs }
}

/** Poison × consumers that read the exchanges must have one dead letter each, however often they came across it. */
export async function countDeadLetters(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  poison: ReadonlySet<string>,
): Promise<Count & { readonly repeated: number }> {
  const letters = new Map<string, number>()
  const unexpected: DeadLetter[] = []
  await eachRecord(transport, topics.deadLetters.name, async ({ value }) => {
    const decoded = value === null ? null : await codec.decode(value)
    if (decoded?.kind !== 'record' || decoded.name !== 'DeadLetter') return
    const { consumer, topic, partition, offset } = decoded.value
    const at = `${partition}/${offset}`
    if (topic !== topics.exchanges.name || !poison.has(at)) unexpected.push(decoded.value)
    else letters.set(`${consumer} ${at}`, (letters.get(`${consumer} ${at}`) ?? 0) + 1)
  })
  const expected = poison.size * readersOfExchanges.length
  const found = letters.size
  const repeated = [...letters.values()].reduce((sum, times) => sum + times - 1, 0)
  return { expected, found, lost: expected - found, double: unexpected.length, repeated }
}

const readersOfExchanges = ['pairing', 'shadow', 'sink']

/** Every command that was answered has its decision, once; the others may have one. */
export async function countDecisions(
  transport: Transport,
  codec: ProjectingCodec<Records>,
  reasons: readonly string[],
): Promise<{ readonly commands: Count; readonly byId: ReadonlyMap<string, Decision> }> {
  const byId = new Map<string, Decision>()
  const byReason = new Map<string, number>()
  let total = 0
  await eachRecord(transport, topics.decisions.name, async ({ value }) => {
    const decoded = value === null ? null : await codec.decode(value)
    if (decoded?.kind !== 'record' || decoded.name !== 'Decision') return
    total += 1
    byId.set(decoded.value.id, decoded.value)
    const reason = statedReasonOf(decoded.value)
    if (reason !== null) byReason.set(reason, (byReason.get(reason) ?? 0) + 1)
  })
  const lost = reasons.filter((reason) => !byReason.has(reason)).length
  const found = reasons.length - lost
  return { commands: { expected: reasons.length, found, lost, double: total - byId.size }, byId }
}

function statedReasonOf({ analysis }: Decision): string | null {
  const { statedReason } = JSON.parse(analysis) as { readonly statedReason?: string | null }
  return statedReason ?? null
}
