import { planSummary } from '../domain/policy/plan-summary.ts'
import type { RunStatus } from '../domain/rollout/status.ts'
import type { Api } from './api-types.ts'
import { type Handlers, ok, textOf } from './call.ts'
import type { EvidenceReader } from './evidence-reader.ts'
import { findRun } from './find-run.ts'
import type { PairReader } from './pair-reader.ts'
import type { ReadModel } from './read-model.ts'

const evidenceLimitDefault = 5_000

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

/** In the order of the waves; of a wave that no gate has spoken of there is none. */
function verdictsOf(model: ReadModel, run: string, { waves }: RunStatus): Api['Explanation']['verdicts'] {
  const words = model.wordsOf(run)
  return waves.flatMap(({ id }) =>
    words.flatMap(({ view, verdict }) =>
      view.wave === id ? [{ wave: id, stageEntry: view.stageEntry, atMs: view.atMs, verdict }] : [],
    ),
  )
}

/** What people ask: answered from memory, pairs and evidence from the store. */
export function readOperations(model: ReadModel, pairs: PairReader, evidence: EvidenceReader): Handlers {
  return {
    async listRuns() {
      const body: Api['RunList'] = { runs: model.runs().map((run) => model.statusOf(run)) }
      return ok(body)
    },
    async getRun(call) {
      const body: Api['RunStatus'] = model.statusOf(findRun(model, textOf(call, 'run')))
      return ok(body)
    },
    async listDecisions(call) {
      const body: Api['DecisionList'] = { decisions: model.decisions(findRun(model, textOf(call, 'run')).id) }
      return ok(body)
    },
    async explainRun(call) {
      const run = findRun(model, textOf(call, 'run'))
      const status = model.statusOf(run)
      const body: Api['Explanation'] = {
        status,
        verdict: model.verdictOf(run.id, status.wave),
        verdicts: verdictsOf(model, run.id, status),
        decisions: model.decisions(run.id),
        latches: model.latches(run.id),
        acks: model.acks(run.route),
        plan: planSummary(run.spec, run.plan),
      }
      return ok(body)
    },
    async getRunRecord(call) {
      const run = findRun(model, textOf(call, 'run'))
      const body: Api['RunRecord'] = { run: { ...run }, decisions: model.decisions(run.id) }
      return ok(body)
    },
    async listEvidence(call) {
      const run = findRun(model, textOf(call, 'run'))
      const { partition, from, limit } = call.parameters
      const body: Api['EvidencePage'] = await evidence.page(run.id, {
        partition: numberOr(partition, 0),
        from: numberOr(from, 0),
        limit: numberOr(limit, evidenceLimitDefault),
      })
      return ok(body)
    },
    async listPairs(call) {
      const run = findRun(model, textOf(call, 'run'))
      const { limit, worse } = call.parameters
      const body: Api['PairList'] = {
        pairs: await pairs.pairs(run, {
          limit: typeof limit === 'number' ? limit : undefined,
          worse: typeof worse === 'string' ? worse : undefined,
        }),
      }
      return ok(body)
    },
  }
}
