import { createHash } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import type { Evidence } from '../domain/events/records.ts'
import { codeVersion } from '../domain/gate/code-version.ts'
import type { Run } from '../domain/rollout/run.ts'
import { draftRun, latchOf, startMs, verdictOf } from '../domain/rollout/sample-run.ts'
import { status } from '../domain/rollout/status.ts'
import { transition } from '../domain/rollout/transition.ts'
import type { Logger } from '../platform/log/logger.ts'
import { answerProblems } from './answer-contract.ts'
import { createApiServer } from './api-server.ts'
import type { Api } from './api-types.ts'
import { type Handlers, ok } from './call.ts'
import type { Commander } from './commander.ts'
import { roles } from './config.ts'
import type { EvidenceReader } from './evidence-reader.ts'
import type { PairReader } from './pair-reader.ts'
import { ApiProblem } from './problem.ts'
import type { ReadModel } from './read-model.ts'
import { readOperations } from './read-operations.ts'
import { routeOperations } from './route-operations.ts'
import { runOperations } from './run-operations.ts'

const nothing = { add: () => undefined, set: () => undefined, remove: () => undefined, observe: () => undefined }
export const metrics = { counter: () => nothing, gauge: () => nothing, histogram: () => nothing, text: async () => '' }
export const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
}
const clock = { nowMs: () => startMs + 1_000, monoMs: () => 0 }
export const tokens = roles.map((role) => ({ name: `${role}-token`, role, tokenSha256: sha256(role) }))

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function decisionOf(run: Run) {
  const { effects } = transition(run, { kind: 'latch', latch: latchOf(run, 'l9') }, startMs)
  return effects.flatMap((effect) => (effect.kind === 'decision' ? [effect.decision] : []))
}

export const latched = (run: Run, ...ids: readonly string[]): Run =>
  ids.reduce((state, id) => transition(state, { kind: 'latch', latch: latchOf(run, id) }, startMs).run, run)

const sampleEvidence: Evidence = {
  id: 'e1',
  version: 0,
  place: { run: '', wave: 'all', stage_entry: 1, stage: 'shadow', epoch: 1, rule: 'all', candidate_weight: 0 },
  exchange_id: 'x1',
  comparison: 'content_ab',
  source: 'pairing',
  horizon_ms: 30_000,
  arrived_at: startMs,
  arm: null,
  baseline_resolution: 'answered',
  candidate_resolution: null,
  unit: 'unit',
  assignment_unit: 'unit',
  turn: 0,
  tenant: 'acme',
  segments: { tier: 'enterprise' },
  inclusion_p: 1,
  metrics: [{ name: 'refusal', baseline: 0, candidate: null }],
  late: false,
}

/** What the API stands on in tests, and what it sent. */
export interface World {
  runs: readonly Run[]
  kills: ReturnType<ReadModel['kills']>
  readonly sent: { readonly what: string; readonly value: unknown }[]
  refuse: ApiProblem | null
  broken: Error | null
  /** What the doctor says. */
  checks: Api['DoctorReport']['checks']
}

export function newWorld(...runs: readonly Run[]): World {
  return { runs, kills: [], sent: [], refuse: null, broken: null, checks: [] }
}

/** An API on a world of its own: tokens are called after their roles. */
export function serverOf(world: World, logger: Logger = log) {
  const verdict = verdictOf('hold')
  const model: ReadModel = {
    runs: () => world.runs,
    run: (id) => world.runs.find((run) => run.id === id) ?? null,
    statusOf: (run) => status(run, [], clock.nowMs()),
    verdictOf: () => verdict,
    wordsOf: () => [],
    decisions: (id) => world.runs.filter((run) => run.id === id).flatMap(decisionOf),
    decisionFor: () => null,
    split: () => null,
    routes: () => [...new Set(world.runs.map((run) => run.route))],
    latches: (id) => world.runs.filter((run) => run.id === id).map((run) => latchOf(run, 'l1')),
    kills: () => world.kills,
    acks: () => [],
  }
  const commander: Commander = {
    async command(run, kind, payload, by, reason) {
      if (world.broken !== null) throw world.broken
      world.sent.push({ what: kind, value: { run, payload, by, reason } })
      if (world.refuse !== null) throw world.refuse
      const decision = decisionOf(world.runs[0] ?? draftRun())[0]
      if (decision === undefined) throw new TypeError('no decision')
      return decision
    },
    golden: async () => undefined,
    latch: async (latch) => void world.sent.push({ what: 'latch', value: latch }),
    kill: async (kill) => void world.sent.push({ what: 'kill', value: kill }),
  }
  const pairs: PairReader = {
    pairs: async () => {
      throw new ApiProblem(503, 'STORE_AWAY', 'away')
    },
  }
  const evidence: EvidenceReader = {
    page: async (run, { from }) => ({
      evidence: [{ ...sampleEvidence, place: { ...sampleEvidence.place, run } }],
      next: from + 1,
    }),
  }
  const deps = { model, commander, clock }
  const handlers: Handlers = {
    ...readOperations(model, pairs, evidence),
    ...runOperations(deps),
    ...routeOperations(deps),
    getDoctor: async () => ok({ version: codeVersion, at: startMs, checks: world.checks }),
  }
  return createApiServer({ handlers, tokens, log: logger, metrics })
}

type Server = ReturnType<typeof serverOf>

/** Asks, and holds whatever comes back against the document. */
export async function ask(
  server: Server,
  operation: string,
  url: string,
  options: Omit<InjectOptions, 'url'> & { as?: string } = {},
) {
  const { as = 'admin', ...rest } = options
  const response = await server.inject({
    method: rest.payload === undefined ? 'GET' : 'POST',
    ...rest,
    url,
    headers: { authorization: `Bearer ${as}`, ...rest.headers },
  } as InjectOptions)
  const body = response.json()
  const problems = answerProblems(operation, response.statusCode, String(response.headers['content-type']), body)
  if (problems.length > 0)
    throw new TypeError(`${operation} ${url} answers otherwise than the document says: ${problems.join('; ')}`)
  return { status: response.statusCode, body }
}

export const because = { reason: 'because' }

/** A rollout file that is right. */
export const file = `apiVersion: penstock/v1
kind: Rollout
name: prompt-edit
route: chat
change: prompt
baseline: { id: v1, provider: openai, model: gpt, promptVersion: one }
candidate: { id: v2, provider: openai, model: gpt, promptVersion: two }
routers: [gateway]
`
