import { createHash } from 'node:crypto'
import { arenaRecordings } from '../../../scripts/demo/recordings.ts'
import { compileText } from '../../../services/api/apply-rollout.ts'
import type { Records } from '../../../services/domain/events/records.ts'
import { advance, applyRequest, applyResponse, createJoin } from '../../../services/domain/pairing/join.ts'
import type { RunFacts } from '../../../services/domain/pairing/run-facts.ts'
import type { Run } from '../../../services/domain/rollout/run.ts'
import { draftRun, shortSpec } from '../../../services/domain/rollout/sample-run.ts'
import { request, response } from '../../integration/clickhouse-rows.ts'

/** What a size of exchange is asked for with `--sizes`: bytes of each body, or all of them in turn. */
export type Size = 1 | 4 | 16 | 64 | 'mix'

export const sizes: readonly Size[] = [1, 4, 16, 64, 'mix']
const mixed = [1, 4, 16, 64] as const
const runId = 'run-1'
const longestMs = 600_000

/** A rollout as most would write it, with the metrics that every rollout gets and those of content. */
const rollout = `apiVersion: penstock/v1
kind: Rollout
name: pairing
route: chat
change: model
baseline: { id: old, provider: replay, model: old }
candidate: { id: new, provider: replay, model: new }
routers: [gateway-1]
shadow: { share: 1, secondLegShare: 0.1, budget: { usd: 100000, calls: 100000000 } }
stages: [{ weight: 0% }, { weight: 10% }, { weight: 100% }]
metrics:
  differs_normalised: {}
prices:
  old: { inputUsdPerMillion: 30, outputUsdPerMillion: 60 }
  new: { inputUsdPerMillion: 30, outputUsdPerMillion: 60 }
`

/** The run that every exchange belongs to; `more` are further lines of its file. */
export function benchRun(more = ''): Run {
  const { plan } = compileText(rollout + more, null)
  return { ...draftRun(shortSpec(), runId), plan }
}

const texts = arenaRecordings().flatMap(({ prompt, answers }) => {
  const [first, second] = [...answers.values()]
  return first === undefined || second === undefined ? [] : [{ prompt, live: first.text, shadow: second.text }]
})

/** The request and both answers of one exchange; recorded texts, cut or repeated until a body has its size. */
export function exchangeOf(
  serial: number,
  size: Size,
): readonly [Records['Request'], Records['Response'], Records['Response']] {
  const text = texts[serial % texts.length]
  if (text === undefined) throw new Error('scripts/demo/recordings holds no answers')
  const bytes = (size === 'mix' ? (mixed[serial % mixed.length] ?? 1) : size) * 1_024
  const id = createHash('sha256').update(String(serial)).digest('hex').slice(0, 32)
  const asked = request(id, 'baseline')
  const legs = [{ arm: 'candidate' as const, content_ab_p: 1, shadow_ab_p: 1, aa_p: 0 }]
  const body = Buffer.from(JSON.stringify({ model: 'old', messages: [{ role: 'user', content: '' }] }))
  const content = JSON.stringify(filled(text.prompt, bytes - body.length)).slice(1, -1)
  const sent = Buffer.from(body.toString().replace('"content":""', () => `"content":"${content}"`))
  return [
    {
      ...asked,
      session: `session-${serial % 5_000}`,
      assignment_unit: `unit-${serial % 5_000}`,
      body: sent,
      shadow_plan: { exchange_id: id, place: asked.place, legs, deadline_at: 0 },
    },
    { ...response(id, 'baseline', 'live', filled(text.live, bytes)), output_tokens: bytes >> 2 },
    { ...response(id, 'candidate', 'shadow', filled(text.shadow, bytes)), output_tokens: bytes >> 2 },
  ]
}

/** How many records of evidence one exchange gives whose first `heard` records come and no others, by the join itself. */
export function evidenceOfOne(run: Run, heard: 1 | 2 | 3 = 3): number {
  return madeOfOne(run, heard).length
}

/** How many metrics have a value in the evidence of an exchange: those that have what they are computed from. */
export function metricsOfOne(run: Run): number {
  const values = madeOfOne(run, 3).flatMap(({ metrics }) => metrics)
  const names = values.flatMap(({ name, baseline, candidate }) => ((baseline ?? candidate) === null ? [] : [name]))
  return new Set(names).size
}

function madeOfOne({ plan }: Run, heard: 1 | 2 | 3): readonly Records['Evidence'][] {
  const join = createJoin({ limit: 10, resumeThroughMs: 0 })
  const price = { inputMicroUsdPerMillion: 30_000_000, outputMicroUsdPerMillion: 60_000_000 }
  const run: RunFacts = { plan, goldenByPrompt: false, golden: () => null, price: () => price }
  const [asked, ...answers] = exchangeOf(0, 1)
  applyRequest(join, asked, run, 1_000_000, 0)
  for (const [index, answer] of answers.slice(0, heard - 1).entries()) applyResponse(join, answer, 1_000_001, index + 1)
  return advance(join, 1_000_000 + plan.legTimeoutMs + longestMs)
}

/** Of one request that is nobody's: it only moves time. */
export function closing(partition: number): Records['Request'] {
  return { ...request(`closing-${partition}`, 'baseline'), place: null, body: Buffer.alloc(0) }
}

function filled(text: string, bytes: number): string {
  const whole = text.repeat(Math.ceil(bytes / Math.max(1, text.length)))
  return whole.slice(0, bytes)
}
