import { randomUUID } from 'node:crypto'
import { canonicalJson } from '../domain/gate/compile-plan.ts'
import { planSummary } from '../domain/policy/plan-summary.ts'
import type { CommandPayloads } from '../domain/rollout/commands.ts'
import { isActive } from '../domain/rollout/moves.ts'
import type { Run } from '../domain/rollout/run.ts'
import type { RolloutSpec } from '../domain/rollout/spec.ts'
import { activeWaves, onlyWave } from '../domain/rollout/waves.ts'
import type { Clock } from '../domain/time/clock.ts'
import type { Api } from './api-types.ts'
import { compileText, mintRunId } from './apply-rollout.ts'
import { authorised, type Call, type Caller, type Handlers, textOf } from './call.ts'
import type { Commander } from './commander.ts'
import { findRunToCommand } from './find-run.ts'
import { ApiProblem } from './problem.ts'
import type { ReadModel } from './read-model.ts'

interface Deps {
  readonly model: ReadModel
  readonly commander: Commander
  readonly clock: Clock
}

/** What moves runs: becomes commands for the controller, and for a rollback a latch before that. */
export function runOperations(deps: Deps): Handlers {
  return { applyRollout: (call) => apply(deps, call), commandRun: (call) => command(deps, call) }
}

async function apply({ model, commander, clock }: Deps, call: Call) {
  // The document's schema has let it through.
  const { text, golden, reason } = call.body as Api['ApplyRequest']
  const { spec, plan, chunks } = compileText(text, golden ?? null)
  const summary = planSummary(spec, plan)
  const same = model.runs().find((run) => isActive(run) && isSame(run.spec, spec))
  if (same !== undefined) {
    const body: Api['ApplyAnswer'] = { run: same.id, created: false, status: model.statusOf(same), plan: summary }
    return { status: 200, body }
  }
  await commander.golden(chunks)
  const id = mintRunId(spec.name, clock.nowMs())
  await commander.command(id, 'apply', { spec, plan }, call.caller.name, reason ?? 'applied', null)
  const run = model.run(id)
  const body: Api['ApplyAnswer'] = {
    run: id,
    created: true,
    status: run === null ? null : model.statusOf(run),
    plan: summary,
  }
  return { status: 201, body }
}

/** Everything a file can say is in its spec, so equal specs ask for the same. */
function isSame(a: RolloutSpec, b: RolloutSpec): boolean {
  return canonicalJson(a) === canonicalJson(b)
}

async function command(deps: Deps, call: Call) {
  const { model, commander } = deps
  const request = call.body as Api['CommandRequest']
  const { kind, reason } = request
  refuseForeignFields(request)
  const run = findRunToCommand(model, textOf(call, 'run'))
  if (kind === 'promote' && request.full === true) authorised(call.caller, 'admin')
  const payload = payloadOf(request, model, run)
  if (kind === 'rollback') return rollBack(deps, run, call.caller, reason)
  const at = kind === 'release' ? null : placeOf(run, request)
  const decision = await commander.command(run.id, kind, payload, call.caller.name, reason, at)
  const body: Api['CommandAnswer'] = { latch: null, decision, status: model.statusOf(model.run(run.id) ?? run) }
  return { status: 200, body }
}

/**
 * The stage entry that a command is for, so that one that comes too late is refused. The wave that is named; else the only active one, or for an answer the
 * one that asks. Null with several active: the controller then refuses what is for one wave alone.
 */
function placeOf(run: Run, { kind, wave: named }: Api['CommandRequest']): { wave: string; stageEntry: number } | null {
  const isAnswer = kind === 'approve' || kind === 'reject'
  const asking = isAnswer && activeWaves(run).length < 2 ? run.state.reviewWave : null
  const id = named ?? asking ?? run.state.waves[onlyWave(run) ?? -1]?.id
  if (id === undefined) return null
  const wave = run.state.waves.find((each) => each.id === id)
  if (wave !== undefined) return { wave: wave.id, stageEntry: wave.stageEntry }
  const known = run.state.waves.map((each) => each.id).join(', ')
  throw new ApiProblem(404, 'NO_WAVE', `run ${run.id} has no wave \`${id}\`; its waves are ${known}`)
}

/** The latch first, by itself: a rollback must not wait for a controller. A run that is over has nothing to brake, the controller says so. */
async function rollBack({ model, commander, clock }: Deps, run: Run, caller: Caller, reason: string) {
  const nowMs = clock.nowMs()
  const latch = isActive(run) ? `person-${randomUUID()}` : null
  if (latch !== null)
    await commander.latch({
      id: latch,
      route: run.route,
      run: run.id,
      wave: null,
      reason,
      by: caller.name,
      breached_at: nowMs,
      written_at: nowMs,
    })
  const decision = await commander
    .command(run.id, 'rollback', {}, caller.name, reason, null)
    .catch((error: unknown) => {
      const { code } = error as { readonly code?: unknown }
      // The latch may have reached the controller first: the run is rolled back then, and there is nothing left to decide.
      if (latch !== null && (code === 'NO_DECISION' || code === 'REFUSED')) return null
      throw error
    })
  const body: Api['CommandAnswer'] = {
    latch,
    decision: decision ?? decisionOnLatch(model, run.id, latch),
    status: model.statusOf(model.run(run.id) ?? run),
  }
  return { status: body.decision === null ? 202 : 200, body }
}

function decisionOnLatch(model: ReadModel, run: string, latch: string | null): Api['Decision'] | null {
  return model.decisions(run).find((decision) => decision.id === `${run}/latch/${latch}`) ?? null
}

const forOneWave: readonly Api['CommandRequest']['kind'][] = ['promote', 'approve']

function refuseForeignFields({ kind, full, latch, wave }: Api['CommandRequest']): void {
  const problems = [
    ...(wave !== undefined && (!forOneWave.includes(kind) || full === true)
      ? [{ path: 'wave', message: 'belongs to promote (without full) and approve; the rest is for the run' }]
      : []),
    ...(full !== undefined && kind !== 'promote'
      ? [{ path: 'full', message: 'belongs to promote; leave it out' }]
      : []),
    ...(latch !== undefined && kind !== 'release'
      ? [{ path: 'latch', message: 'belongs to release; leave it out' }]
      : []),
  ].map((problem) => ({ line: null, ...problem }))
  if (problems.length > 0)
    throw new ApiProblem(422, 'INVALID_REQUEST', problems.map((p) => `${p.path}: ${p.message}`).join('; '), problems)
}

function payloadOf(
  { kind, full, latch }: Api['CommandRequest'],
  model: ReadModel,
  run: Run,
): CommandPayloads[Api['CommandRequest']['kind']] {
  if (kind === 'promote') return { full: full === true }
  if (kind !== 'release') return {}
  const open = model.statusOf(run).openLatches
  if (open.length === 0) throw new ApiProblem(409, 'NO_LATCH', `run ${run.id} has no open latch`)
  if (latch !== undefined) return { latch }
  if (open.length > 1)
    throw new ApiProblem(
      409,
      'AMBIGUOUS_LATCH',
      `run ${run.id} has ${open.length} open latches, each to be released by its id: ${open.join(', ')}`,
    )
  return { latch: open[0] ?? '' }
}
