import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stack } from '../../../infra/native/stack.ts'
import { deploy, subjectPrefix } from '../../../scripts/deploy-installation.ts'
import type { Progress, Records } from '../../../services/domain/events/records.ts'
import { schemaTexts } from '../../../services/domain/events/schemas.ts'
import { topics } from '../../../services/flow.ts'
import { createKafkajsClient } from '../../../services/platform/kafka/kafkajs-client.ts'
import { createKafkajsTransport } from '../../../services/platform/kafka/kafkajs-transport.ts'
import type { Transport } from '../../../services/platform/kafka/transport.ts'
import type { ProjectingCodec } from '../../../services/platform/registry/codec.ts'
import { openCodec } from '../../../services/platform/registry/open-codec.ts'
import { eachRecord } from '../../support/each-record.ts'
import { silentLog } from '../../support/silent-log.ts'
import { benchRun, evidenceOfOne, exchangeOf } from '../pairing/exchanges.ts'
import { preload } from '../pairing/preload.ts'
import { noted } from '../support/open-penstock.ts'
import { until } from '../support/until.ts'
import { type OpenPairs, type PairingProcess, startPairingProcess } from './pairing-process.ts'

/** What one process of pairing does with exchanges whose other leg never comes. */
export interface HalfPairs {
  readonly pairs: number
  /** Most that may be open in one of the partitions. */
  readonly openMax: number
  /** From the start of the process until it has read everything: seconds, and how things stand then. */
  readonly reading: { readonly seconds: number; readonly at: OpenPairs }
  /** The same after a kill -9 with everything open: from the start of the new process. */
  readonly again: { readonly seconds: number; readonly at: OpenPairs }
  /** From the record that makes everything due until all evidence is acknowledged. */
  readonly due: { readonly seconds: number; readonly at: OpenPairs }
  readonly evidence: EvidenceFound
  /** What the last progress of all partitions says together. */
  readonly progress: Pick<Progress, 'planned' | 'paired' | 'lost' | 'late'>
  /** Answers that came when everything was over; each must be counted and give no evidence. */
  readonly lateAnswers: { readonly sent: number; readonly counted: number; readonly evidence: number }
}

interface EvidenceFound {
  readonly records: number
  /** Exchanges with evidence of the last horizon. */
  readonly exchanges: number
  /** Of them, those that say the candidate was never heard of, and the baseline was. */
  readonly halves: number
  /** Those that say that no leg was heard of: they were given up. */
  readonly unheard: number
  /** Ids that stand there with two different contents. */
  readonly differing: number
}

interface Course {
  readonly stack: Stack
  readonly transport: Transport
  readonly codec: ProjectingCodec<Records>
  readonly prefix: string
  readonly stateDir: string
}

/** All requests come within this time of theirs, and their last horizon is beyond everything that is done meanwhile. */
const spanS = 60
const run = benchRun('legTimeout: 30m\n')
/** Of an exchange come its request and its live answer. */
const heard = 2
/** Longer than all of it takes. */
const aheadMs = 3_600_000
const withinS = 900
const lateAnswers = 1_000
const shownWithinMs = 6_000

/**
 * @param pairs how many half pairs; a quarter of them once more where only half of those may be open
 */
export async function measureHalfPairs(stack: Stack, pairs: number): Promise<readonly HalfPairs[]> {
  const few = Math.floor(pairs / 4)
  const halfOfThem = Math.max(1_000, Math.floor(few / topics.exchanges.partitions / 2))
  return [
    await onTopics(stack, 'whole-', (course) => feedAndKill(course, pairs, null)),
    await onTopics(stack, 'limited-', (course) => feedAndKill(course, few, halfOfThem)),
  ]
}

async function onTopics<T>(stack: Stack, prefix: string, act: (course: Course) => Promise<T>): Promise<T> {
  const stateDir = mkdtempSync(join(tmpdir(), 'penstock-bench-limits-'))
  const { brokers } = stack.kafka
  const registryUrl = stack.registry.url
  const transport = createKafkajsTransport({ clientId: 'bench', brokers, topicPrefix: prefix, log: silentLog })
  try {
    await deploy({ transport, registryUrl, clickhouse: null, migrations: '' })
    const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix, schemaTexts })
    return await act({ stack, transport, codec, prefix, stateDir })
  } finally {
    await transport.close()
    rmSync(stateDir, { recursive: true, force: true })
  }
}

async function feedAndKill(course: Course, pairs: number, limit: number | null): Promise<HalfPairs> {
  const { stack, prefix, codec } = course
  const kafka = createKafkajsClient({ clientId: 'bench-preload', brokers: stack.kafka.brokers, log: silentLog })
  const admin = kafka.admin()
  await admin.connect()
  // The records' own times stand for a minute, however long they take to be written, and ahead of the marks that are written when all has been read.
  const configEntries = [
    { name: 'message.timestamp.type', value: 'CreateTime' },
    { name: 'message.timestamp.after.max.ms', value: String(24 * 3_600_000) },
  ]
  const resources = [{ type: 2, name: prefix + topics.exchanges.name, configEntries }]
  await admin.alterConfigs({ validateOnly: false, resources })
  await admin.disconnect()
  noted(`${prefix}: writing ${pairs} half pairs`)
  const close = await preload(kafka, codec, {
    prefix,
    run,
    size: 1,
    pairs,
    perSecond: pairs / spanS,
    ageMs: -aheadMs,
    heard,
  })
  const first = await startPairingProcess(stack, { ...course, openMax: limit })
  let second: PairingProcess | null = null
  try {
    const reading = await hasRead(first)
    noted(`${prefix}: read in ${reading.seconds.toFixed(1)} s: ${JSON.stringify(reading.at)}`)
    await first.kill()
    second = await startPairingProcess(stack, { ...course, openMax: limit })
    const again = await hasRead(second)
    noted(`${prefix}: back in ${again.seconds.toFixed(1)} s: ${JSON.stringify(again.at)}`)
    const beganMs = performance.now()
    await close()
    await until('everything to be closed', withinS, async () => (await second?.look())?.open === 0)
    const due = { seconds: (performance.now() - beganMs) / 1_000, at: await second.look() }
    noted(`${prefix}: due in ${due.seconds.toFixed(1)} s: ${JSON.stringify(due.at)}`)
    const evidence = await countEvidence(course)
    const late = await sendLateAnswers(course, second, pairs)
    const progress = await lastProgress(course)
    return { pairs, openMax: reading.at.limit, reading, again, due, evidence, progress, lateAnswers: late }
  } finally {
    await first.kill()
    await second?.kill()
  }
}

async function hasRead(pairing: PairingProcess): Promise<{ readonly seconds: number; readonly at: OpenPairs }> {
  // But for marks, of which each partition has one at a time.
  const isRead = ({ unread }: OpenPairs) => unread !== null && unread <= topics.exchanges.partitions
  await until('everything to be read', withinS, async () => isRead(await pairing.look()))
  const seconds = pairing.ageS()
  // Memory is shown every few seconds.
  await delay(shownWithinMs)
  return { seconds, at: await pairing.look() }
}

async function countEvidence({ transport, codec }: Course): Promise<EvidenceFound> {
  const reader = codec.project({
    Evidence: [
      'id',
      'exchange_id',
      'comparison',
      'horizon_ms',
      'baseline_resolution',
      'candidate_resolution',
      'late',
      'metrics',
    ],
  })
  // Millions of them: of what each says a number is kept.
  const first = new Map<string, number>()
  const exchanges = new Set<string>()
  let [halves, unheard, differing] = [0, 0, 0]
  await eachRecord(transport, topics.evidence.name, async ({ value }) => {
    const decoded = value === null ? null : await reader.decode(value)
    if (decoded?.kind !== 'record') return
    const { id, exchange_id: exchange, comparison, horizon_ms: horizonMs, ...rest } = decoded.value
    const content = Number.parseInt(hash('sha256', JSON.stringify(rest), 'hex').slice(0, 7), 16)
    const known = first.get(id)
    if (known !== undefined) {
      if (known !== content) differing += 1
      return
    }
    first.set(id, content)
    if (comparison !== 'content_ab' || horizonMs !== run.plan.legTimeoutMs) return
    exchanges.add(exchange)
    const { baseline_resolution: baseline, candidate_resolution: candidate } = rest
    if (baseline === 'answered' && candidate === null) halves += 1
    else if (baseline === null && candidate === null) unheard += 1
  })
  return { records: first.size, exchanges: exchanges.size, halves, unheard, differing }
}

/** Of the exchanges that were closed last: those are remembered. */
async function sendLateAnswers(
  { transport, codec }: Course,
  pairing: PairingProcess,
  pairs: number,
): Promise<HalfPairs['lateAnswers']> {
  const written = async () =>
    (await transport.endOffsets(topics.evidence.name)).reduce((sum, end) => sum + end.offset, 0)
  const [before, evidenceBefore] = [await pairing.look(), await written()]
  const sent = Math.min(lateAnswers, pairs)
  const producer = await transport.producer()
  const records = Array.from({ length: sent }, (_, index) => {
    const [, , answer] = exchangeOf(pairs - 1 - index, 1)
    return { topic: topics.exchanges.name, key: answer.exchange_id, value: codec.encode('Response', answer) }
  })
  await producer.send(records)
  await producer.close()
  const counted = async () => ((await pairing.look()).outcomes['late'] ?? 0) - (before.outcomes['late'] ?? 0)
  await until('late answers to be counted', withinS, async () => (await counted()) >= sent)
  return { sent, counted: await counted(), evidence: (await written()) - evidenceBefore }
}

async function lastProgress({ transport, codec }: Course): Promise<HalfPairs['progress']> {
  const last = new Map<number, Progress>()
  await eachRecord(transport, topics.progress.name, async ({ value }) => {
    const decoded = value === null ? null : await codec.decode(value)
    if (decoded?.kind === 'record' && decoded.name === 'Progress')
      last.set(decoded.value.exchange_partition, decoded.value)
  })
  const sum = (of: (progress: Progress) => number) => [...last.values()].reduce((all, each) => all + of(each), 0)
  return {
    planned: sum(({ planned }) => planned),
    paired: sum(({ paired }) => paired),
    lost: sum(({ lost }) => lost),
    late: sum(({ late }) => late),
  }
}

/** How many records of evidence `kept` half pairs give. */
export function expectedEvidence(kept: number): number {
  return kept * evidenceOfOne(run, heard)
}
