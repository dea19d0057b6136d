import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { topics } from '../flow.ts'
import { countDeadLetters, createDeadLetterGuard } from '../platform/kafka/dead-letters.ts'
import { openTransport } from '../platform/kafka/open-transport.ts'
import { sendPersistently } from '../platform/kafka/persistent-producer.ts'
import type { GroupConsumer, InRecord, OutRecord, Transport } from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { ProjectingCodec } from '../platform/registry/codec.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { PairingConfig } from './config.ts'
import { createExchangeDecoder } from './exchange-decoder.ts'
import { createPairingService, type PairingService } from './pairing-service.ts'
import { type PublishedProgress, readPublishedProgress } from './published-progress.ts'
import { createRunCatalogue, type RunCatalogue } from './run-catalogue.ts'

/** How often progress is published while anybody's evidence is to come: no gate acts on evidence that no progress speaks of. */
const publishMs = 25
/** How many of these until progress is published in any case, and offsets are committed. */
const commitEvery = 20

/** What pairing speaks to; opened by its own start, or by a test. */
export interface PairingParts {
  readonly transport: Transport
  readonly codec: ProjectingCodec<Records>
  send(records: readonly OutRecord[]): ReturnType<typeof sendPersistently>
  letter(record: InRecord, code: string, reason: string): Promise<void>
}

/** Starts pairing on the broker and registry that its configuration names. */
export async function startPairing(scope: Scope, config: PairingConfig): Promise<void> {
  const { registryUrl, stateDir } = config
  const opening = () => openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const codec = await persistently('opening the codec', opening, scope)
  const transport = openTransport(scope, config, { service: 'pairing', behind: 'unready' })
  const producer = await transport.producer()
  scope.onStop('producer', () => producer.close())
  const send = (records: readonly OutRecord[]) => sendPersistently(producer, records, scope)
  const lettered = countDeadLetters(scope.metrics, 'pairing')
  const letter = async (record: InRecord, code: string, reason: string) => {
    lettered(code)
    await send([deadLetterRecord(codec, record, code, reason, scope.clock.nowMs())])
  }
  await startPairingOn(scope, config, { transport, codec, send, letter })
}

/** The same on parts that are open already: runs first, then exchanges. */
export async function startPairingOn(
  scope: Scope,
  config: Pick<PairingConfig, 'groupId' | 'openMax'>,
  parts: PairingParts,
): Promise<void> {
  const { transport, codec } = parts
  const { runs, waitForRun } = await watchRuns(scope, parts)
  const guard = createDeadLetterGuard()
  const exchanges = createExchangeDecoder(codec)
  let published: ReadonlyMap<number, PublishedProgress> = new Map()
  const service = createPairingService({
    // A schema id that only the registry knows: the partition waits for it, the others go on.
    decoder: {
      decode(value, settled) {
        const decoded = exchanges.decode(value, settled)
        if (!(decoded instanceof Promise)) return decoded
        let first: typeof decoded | null = decoded
        const next = () => {
          const asked = first ?? exchanges.decode(value, settled)
          first = null
          return asked
        }
        return persistently('decoding', next, scope)
      },
    },
    encode: (name, value) => codec.encode(name, value),
    clock: scope.clock,
    runs,
    openMax: config.openMax,
    send: observed(scope, parts.send),
    onLost: (cause) => {
      if (!scope.signal.aborted) scope.fail(cause)
    },
    published: (partition) => published.get(partition) ?? null,
    waitForRun,
    usable: (record) => guard.good(1, record),
    async deadLetter(record, code, reason) {
      await parts.letter(record, code, reason)
      guard.bad(record)
    },
  })
  const progress = codec.project({ Progress: ['source', 'exchange_partition', 'read_through', 'evidence_offsets'] })
  const join = () =>
    transport.consume({
      groupId: config.groupId,
      topics: [topics.exchanges.name],
      async onAssigned(partitions) {
        const numbers = partitions.map(({ partition }) => partition)
        const reading = () => readPublishedProgress(transport, progress, numbers)
        published = await persistently('reading progress', reading, scope)
        service.onAssigned(partitions)
      },
      onRevoked: (partitions) => service.onRevoked(partitions),
      onBatch: (batch) => service.onBatch(batch),
    })
  const consumer = await scope.use('exchanges', () => persistently('joining the group', join, scope))
  consumer.crashed.catch((error: unknown) => scope.fail(error))
  keepTime(scope, service, consumer, config.openMax)
}

/** Shows how long evidence takes from being made to being acknowledged, and how many marks are written. */
function observed({ clock, metrics }: Scope, send: PairingParts['send']): PairingParts['send'] {
  const seconds = metrics.histogram(
    'penstock_pairing_publish_seconds',
    'From a batch of evidence being made to its acknowledgement',
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10],
  )
  const marks = metrics.counter('penstock_pairing_marks_total', 'Marks appended to quiet partitions')
  return async (records) => {
    const begunMs = clock.monoMs()
    const written = await send(records)
    marks.add(records.filter(({ value }) => value === null).length)
    if (records[0]?.topic === topics.evidence.name) seconds.observe((clock.monoMs() - begunMs) / 1_000)
    return written
  }
}

/** Reads the runs and goes on reading them. */
async function watchRuns(
  scope: Scope,
  { transport, letter }: PairingParts,
): Promise<{ readonly runs: RunCatalogue; waitForRun(run: string): Promise<void> }> {
  const runs = createRunCatalogue()
  /** How often the topic was seen to be read to its end. */
  let rounds = 0
  const read = () =>
    transport.read({
      topics: [topics.runs.name],
      startAt: 'beginning',
      async onBatch(batch) {
        for (const record of batch.records) {
          const problem = runs.onRecord(record)
          if (problem !== null) await letter(record, 'UNREADABLE', problem)
        }
      },
      onCaughtUp() {
        rounds += 1
      },
    })
  const reader = await scope.use('runs', () => persistently('reading runs', read, scope))
  reader.crashed.catch((error: unknown) => scope.fail(error))
  await reader.caughtUp
  return {
    runs,
    // A run is written before the split that its requests were stamped by. The first round may have been asked for before; after the second, what is
    // not there was never written.
    async waitForRun(run) {
      for (const enough = rounds + 2; runs.facts(run) === null && rounds < enough; )
        await scope.timers.wait(20, scope.signal)
    },
  }
}

/** Publishes progress, commits and shows how things stand. */
function keepTime(scope: Scope, service: PairingService, consumer: GroupConsumer, openMax: number): void {
  const { metrics } = scope
  const open = metrics.gauge('penstock_pairing_open_exchanges', 'Exchanges whose last horizon is still to come')
  metrics.gauge('penstock_pairing_open_limit', 'Exchanges that may be open in one partition').set(openMax)
  const behind = metrics.gauge(
    'penstock_pairing_behind_seconds',
    'Age of the least that any owned partition has reached',
  )
  const fullest = metrics.gauge('penstock_pairing_open_share', 'Open exchanges of the fullest partition, of its limit')
  const early = metrics.gauge(
    'penstock_pairing_early_text_share',
    'Text of answers that wait for their request, of what may wait, in the fullest partition',
  )
  const counted = metrics.gauge('penstock_pairing_exchanges', 'What became of exchanges and legs, since this owner', [
    'outcome',
  ])
  let busy = false
  const loop = scope.health.loop('publishing progress')
  let turn = 0
  let commitDue = false
  const tick = async (commits: boolean) => {
    await service.tick()
    if (commits) await consumer.commit(service.commitOffsets())
  }
  const show = () => {
    const joins = [...service.partitions.values()].map(({ join }) => join)
    const sizes = joins.map((join) => join.open.size)
    open.set(sizes.reduce((sum, size) => sum + size, 0))
    const reached = joins.map((join) => join.readThroughMs).filter((throughMs) => throughMs > 0)
    behind.set(Math.max(0, scope.clock.nowMs() - Math.min(scope.clock.nowMs(), ...reached)) / 1_000)
    fullest.set(Math.max(0, ...sizes) / openMax)
    early.set(Math.max(0, ...joins.map((join) => join.open.earlyShare)))
    for (const outcome of [
      'planned',
      'paired',
      'skipped',
      'lost',
      'unplanned',
      'late',
      'duplicates',
      'evicted',
    ] as const)
      counted.set(
        joins.reduce((sum, join) => sum + join.counts[outcome], 0),
        { outcome },
      )
  }
  const stopTicks = scope.timers.every(publishMs, () => {
    turn = (turn + 1) % commitEvery
    if (turn === 0) {
      show()
      commitDue = true
    }
    if (busy || !(commitDue || service.watched())) return
    busy = true
    const done = loop.begin()
    const commits = commitDue
    commitDue = false
    tick(commits)
      .catch((error: unknown) => {
        if (!scope.signal.aborted) scope.log.warn({ err: String(error) }, 'progress not published; trying again')
      })
      .finally(() => {
        busy = false
        done()
      })
  })
  scope.onStop('ticks', stopTicks)
}

function deadLetterRecord(
  codec: ProjectingCodec<Records>,
  record: InRecord,
  code: string,
  reason: string,
  at: number,
): OutRecord {
  const { topic, partition, offset } = record
  const letter = { consumer: 'pairing', topic, partition, offset, code, reason, record_name: null, at }
  return { topic: topics.deadLetters.name, key: topic, value: codec.encode('DeadLetter', letter) }
}
