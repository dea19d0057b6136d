import type { Command, Split, Variant } from '../events/records.ts'
import { compilePlan } from '../gate/compile-plan.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { candidateHash } from './candidate-hash.ts'
import { specProblems } from './check-spec.ts'
import type { Effect, Reason } from './events.ts'
import { isActive } from './moves.ts'
import { isRecord, readObject } from './payload.ts'
import type { RolloutState, Run } from './run.ts'
import type { RolloutSpec } from './spec.ts'

/** What is known of a route when a run is to be applied to it. */
export interface RouteView {
  /** All runs of the route that are known. */
  readonly runs: readonly Run[]
  /** The last split of the route; null: none was ever written. */
  readonly lastSplit: Split | null
  /** Open kills that bind the route. */
  readonly kills: readonly string[]
}

export interface Applied {
  /** The new draft; null when refused. */
  readonly run: Run | null
  readonly effects: readonly Effect[]
  readonly reason: Reason
}

const noState: Omit<RolloutState, 'waves' | 'epoch' | 'since' | 'handled'> = {
  phase: 'draft',
  resumePhase: null,
  reasonCode: 'APPLIED',
  reason: 'applied; starts when the route is its own',
  frozen: null,
  acked: [],
  latches: [],
  released: [],
  brakesApplied: {},
  kills: [],
  killed: false,
  endedKills: {},
  parked: false,
  review: null,
  reviewWave: null,
  overrides: [],
  lastRevert: null,
  bakeUntilMs: null,
  cooldownUntilMs: null,
  revision: 0,
}

/** Of what a command decides where there is no run that could remember it. */
export function decisionIdOf({ run, id }: Command): string {
  return `${run}/command/${id}`
}

function decide(
  command: Command,
  toPhase: string,
  reason: Reason,
  nowMs: number,
  details: Readonly<Record<string, unknown>>,
): Effect {
  return {
    kind: 'decision',
    decision: {
      id: decisionIdOf(command),
      run: command.run,
      wave: '',
      stage_entry: 0,
      from_phase: 'none',
      to_phase: toPhase,
      by: command.by,
      reason: reason.text,
      analysis: JSON.stringify({
        reasonCode: reason.code,
        kind: command.kind,
        commandId: command.id,
        statedReason: command.reason,
        ...details,
      }),
      times: { commanded_at: command.at, seen_at: nowMs },
      at: nowMs,
    },
  }
}

/** A command for a run that does not exist, or an apply that may not be: on the record, and no run. */
export function refuseWithoutRun(command: Command, reason: Reason, nowMs: number): Applied {
  return { run: null, effects: [decide(command, 'none', reason, nowMs, { refused: true })], reason }
}

function sameVariant(a: Variant, b: Variant): boolean {
  return candidateHash({ baseline: a, candidate: a }) === candidateHash({ baseline: b, candidate: b })
}

/** A new run never changes what a route serves by default: its baseline has to be what is served now. */
function baselineProblem(spec: RolloutSpec, lastSplit: Split | null): Reason | null {
  if (lastSplit === null) return null
  const serving = lastSplit.variants.find((variant) => variant.id === lastSplit.default_variant)
  if (lastSplit.default_variant !== spec.baseline.id) {
    return {
      code: 'BASELINE_NOT_SERVING',
      text: `route ${spec.route} serves ${lastSplit.default_variant}; baseline ${spec.baseline.id} would replace it at once`,
    }
  }
  if (serving !== undefined && !sameVariant(serving, spec.baseline)) {
    return {
      code: 'BASELINE_DIFFERS',
      text: `baseline ${spec.baseline.id} is not defined as the route serves it now (${serving.provider}, ${serving.model})`,
    }
  }
  return null
}

function routeProblem(spec: RolloutSpec, hash: string, view: RouteView, nowMs: number): Reason | null {
  const busy = view.runs.find(isActive)
  if (busy !== undefined)
    return {
      code: 'ROUTE_BUSY',
      text: `run ${busy.id} is ${busy.state.phase} on route ${spec.route}; one run at a time`,
    }
  if (view.kills.length > 0)
    return { code: 'KILLED', text: `kill ${view.kills.join(', ')} is open on route ${spec.route}; release it first` }
  const cooling = view.runs.find((run) => run.candidateHash === hash && (run.state.cooldownUntilMs ?? 0) > nowMs)
  if (cooling !== undefined) {
    return {
      code: 'COOLDOWN',
      text: `this candidate was rolled back in run ${cooling.id}; it may start again in ${Math.ceil(((cooling.state.cooldownUntilMs ?? 0) - nowMs) / 1000)} s`,
    }
  }
  return baselineProblem(spec, view.lastSplit)
}

function readApply(payload: string): { spec: RolloutSpec; plan: AnalysisPlan } | Reason {
  const read = readObject(payload)
  if (!read.ok) return { code: 'INVALID_PAYLOAD', text: `apply: ${read.problem}` }
  const { spec, plan } = read.value as { spec?: unknown; plan?: unknown }
  const problems = specProblems(spec)
  if (problems.length > 0) return { code: 'INVALID_SPEC', text: `apply: ${problems.slice(0, 5).join('; ')}` }
  if (
    !isRecord(plan) ||
    typeof plan['hash'] !== 'string' ||
    plan['hash'] === '' ||
    !Array.isArray(plan['harm']) ||
    !Array.isArray(plan['advance'])
  ) {
    return { code: 'INVALID_PLAN', text: 'apply: plan needs a hash and its harm and advance tests' }
  }
  // The parts that the machine uses have been checked; the rest belongs to the gate and was compiled by the API.
  return { spec: spec as RolloutSpec, plan: plan as unknown as AnalysisPlan }
}

/** The route a valid apply command is for; null when its payload cannot be read. */
export function routeOfApply(command: Command): string | null {
  const read = readApply(command.payload)
  return 'spec' in read ? read.spec.route : null
}

/** Makes a draft of an apply command, or says why not. Only a draft: routers hear of it when it has been seen to stand first on its route. */
export function applyRun(command: Command, view: RouteView, nowMs: number): Applied {
  const read = readApply(command.payload)
  if (!('spec' in read)) return refuseWithoutRun(command, read, nowMs)
  const { spec } = read
  const hash = candidateHash(spec)
  const problem = routeProblem(spec, hash, view, nowMs)
  if (problem !== null) return refuseWithoutRun(command, problem, nowMs)
  const attempt = 1 + view.runs.filter((run) => run.candidateHash === hash).length
  const plan = attempt === 1 ? read.plan : compilePlan(spec, attempt)
  const run: Run = {
    id: command.run,
    route: spec.route,
    attempt,
    spec,
    plan,
    candidateHash: hash,
    createdAtMs: nowMs,
    createdBy: command.by,
    state: {
      ...noState,
      waves: spec.waves.map((wave) => ({
        id: wave.id,
        status: 'waiting',
        stageIndex: -1,
        stageEntry: 0,
        enteredAtMs: null,
        startedAtMs: null,
        permitted: false,
        ask: null,
        lastVerdict: null,
      })),
      epoch: view.lastSplit?.epoch ?? 0,
      since: nowMs,
      handled: [command.id],
    },
  }
  const reason = {
    code: 'APPLIED',
    text: `${spec.name}: ${spec.baseline.id} to ${spec.candidate.id} on ${spec.route}, attempt ${attempt}`,
  }
  return {
    run,
    effects: [
      decide(command, 'draft', reason, nowMs, {
        planHash: plan.hash,
        candidateHash: hash,
        attempt,
        deviations: spec.deviations,
      }),
    ],
    reason,
  }
}
