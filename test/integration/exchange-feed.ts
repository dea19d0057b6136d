import { setTimeout as delay } from 'node:timers/promises'
import type { PlannedLeg, Records, Request, Response, ShadowPlan } from '../../services/domain/events/records.ts'
import { writeRun } from '../../services/domain/rollout/run-document.ts'
import { draftRun, samplePlan, shortSpec } from '../../services/domain/rollout/sample-run.ts'
import { topics } from '../../services/flow.ts'
import type { OutRecord, Producer } from '../../services/platform/kafka/transport.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'
import { request, response } from './clickhouse-rows.ts'

/** Short times, so that every horizon of an exchange is over within seconds. */
const legTimeoutMs = 1_500
const runId = 'run-1'

const common = { role: 'guardrail', kind: 'binary', lowerIsBetter: true, mustHaveData: false, budgetMs: null } as const

/** A run that watches errors at two horizons in live and shadow legs, and refusals side by side. */
export function runRecord(): OutRecord {
  const plan = {
    ...samplePlan,
    legTimeoutMs,
    graceMs: 500,
    shadowStartDelayMs: 500,
    metrics: [
      { ...common, name: 'error', horizonMs: legTimeoutMs, comparisons: ['live_ab', 'shadow_ab'] as const },
      { ...common, name: 'fast_error', horizonMs: 500, comparisons: ['live_ab', 'shadow_ab'] as const },
      { ...common, name: 'refusal', horizonMs: legTimeoutMs, comparisons: ['content_ab', 'live_ab'] as const },
    ],
  }
  return {
    topic: topics.runs.name,
    key: runId,
    value: Buffer.from(writeRun({ ...draftRun(shortSpec(), runId), plan })),
  }
}

/** Comparison and horizon of everything that one exchange of the feed gives. */
export const evidencePerExchange = [
  'live_ab@500',
  `live_ab@${legTimeoutMs}`,
  'shadow_ab@500',
  `shadow_ab@${legTimeoutMs}`,
  `content_ab@${legTimeoutMs}`,
  `aa@${legTimeoutMs}`,
].sort()

const legs: readonly PlannedLeg[] = [
  { arm: 'candidate', content_ab_p: 1, shadow_ab_p: 1, aa_p: 0 },
  { arm: 'baseline', content_ab_p: 0, shadow_ab_p: 1, aa_p: 1 },
]

export interface Feed {
  /** Exchanges whose every record was acknowledged. */
  readonly complete: ReadonlySet<string>
  /** Sends exchanges at a steady pace until told to stop; resolves when the last one is acknowledged. */
  stop(): Promise<void>
}

/** Five records per exchange, as gateway and shadow send them: request, plan and three answers, each a little after the other. */
export function startFeed(codec: Codec<Records>, producer: Producer, perSecond: number, prefix = 'x'): Feed {
  const complete = new Set<string>()
  const sending: Promise<void>[] = []
  let running = true
  const record = (id: string, value: Buffer): OutRecord => ({ topic: topics.exchanges.name, key: id, value })
  const send = async (id: string) => {
    const plan: ShadowPlan = { exchange_id: id, place: request(id, 'baseline').place, legs: [...legs], deadline_at: 0 }
    const body = Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: id }] }))
    const acknowledged = [
      producer.send([record(id, codec.encode('Request', { ...request(id, 'baseline'), body } satisfies Request))]),
      producer.send([record(id, codec.encode('ShadowPlan', plan))]),
    ]
    for (const [arm, leg] of [
      ['baseline', 'live'],
      ['candidate', 'shadow'],
      ['baseline', 'shadow'],
    ] as const) {
      await delay(20)
      const answer: Response = { ...response(id, arm, leg, `answer of ${id}`), attempt_id: `${id}-${arm}-${leg}` }
      acknowledged.push(producer.send([record(id, codec.encode('Response', answer))]))
    }
    await Promise.all(acknowledged)
    complete.add(id)
  }
  const loop = (async () => {
    for (let serial = 0; running; serial += 1) {
      sending.push(send(`${prefix}${serial}`))
      await delay(1_000 / perSecond)
    }
  })()
  return {
    complete,
    async stop() {
      running = false
      await loop
      await Promise.all(sending)
    },
  }
}
