import type { Ack, Command, Kill, Latch } from '../events/records.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import type { Verdict } from '../gate/verdict.ts'
import { applyRun } from './apply-run.ts'
import type { Run } from './run.ts'
import type { RolloutSpec, StageSpec } from './spec.ts'
import { transition } from './transition.ts'
import { activeWaves, onlyWave } from './waves.ts'

/** A small rollout for the tests of everything that drives runs: two waves, two routers, short times. */
export const startMs = 1_000_000

function stage(name: string, candidateWeight: number, approval: StageSpec['approval'] = 'automatic'): StageSpec {
  return {
    name,
    candidateWeight,
    minDurationMs: 1_000,
    wholePeriodMs: null,
    maxDurationMs: 60_000,
    approval,
    onLapse: 'baseline',
  }
}

export const samplePlan: AnalysisPlan = {
  version: 1,
  hash: 'plan-1',
  metrics: [],
  harm: [],
  advance: [],
  search: null,
  looks: [],
  legTimeoutMs: 10_000,
  graceMs: 1_000,
  shadowStartDelayMs: 1_000,
  calibrationPairs: 100,
  pairsPerUnitMedian: 1,
  inclusionMin: null,
  unitsMin: 40,
  stickyKeysMin: 200,
  joinCompletenessMin: 0.98,
  exceedance: null,
  golden: null,
  prices: {},
}

export function sampleSpec(change: Partial<RolloutSpec> = {}): RolloutSpec {
  return {
    name: 'sample',
    route: 'chat',
    change: 'model',
    baseline: { id: 'old', provider: 'p', model: 'm-1', prompt_version: null, parameters: {} },
    candidate: { id: 'new', provider: 'p', model: 'm-2', prompt_version: null, parameters: {} },
    routers: ['gateway-1', 'gateway-2'],
    stickyKey: 'session',
    waves: [
      {
        id: 'consumer',
        match: { tier: 'consumer' },
        stages: [stage('shadow', 0), stage('canary-10', 10_000), stage('full', 100_000)],
      },
      { id: 'enterprise', match: {}, stages: [stage('shadow', 0), stage('canary-50', 50_000, 'manual')] },
    ],
    metrics: [],
    criticalSlices: [],
    sliceSearch: null,
    legTimeoutMs: 10_000,
    graceMs: 1_000,
    calibrationPairs: 100,
    unitsMin: 40,
    stickyKeysMin: 200,
    pairsPerUnitMedian: 1,
    inclusionMin: null,
    joinCompletenessMin: 0.98,
    alphaAdvance: 0.05,
    betaTotal: 0.2,
    exceedance: { windowMs: 1_000, subWindows: 5, alpha: 0.01, countMin: 20 },
    leaseMs: 20_000,
    bakeMs: 5_000,
    cooldownMs: 30_000,
    golden: null,
    prices: {},
    deviations: [],
    ...change,
    shadow: {
      share: 0.5,
      secondLegShare: 0.2,
      deadlineMs: 11_000,
      budgetMicroUsd: 1_000_000,
      budgetCalls: 1_000,
      ...change.shadow,
    },
  }
}

/** Only what is needed to drive a run through one wave of shadow, canary and bake. */
export function shortSpec(change: Partial<RolloutSpec> = {}): RolloutSpec {
  return sampleSpec({
    routers: ['gateway-1'],
    waves: [{ id: 'all', match: {}, stages: [stage('shadow', 0), stage('canary-10', 10_000)] }],
    ...change,
  })
}

/** Where the first active wave stands in the file's order. */
export function presentWave(run: Run): number {
  return activeWaves(run)[0] ?? onlyWave(run) ?? 0
}

/** Two waves side by side, which end by themselves. */
export function togetherSpec(change: Partial<RolloutSpec> = {}): RolloutSpec {
  const stages = [stage('shadow', 0), stage('canary-10', 10_000)]
  return sampleSpec({
    routers: ['gateway-1'],
    waveOrder: 'together',
    waves: [
      { id: 'consumer', match: { tier: 'consumer' }, stages },
      { id: 'enterprise', match: {}, stages },
    ],
    ...change,
  })
}

let serial = 0

export function command(run: string, kind: string, change: Partial<Command> = {}): Command {
  serial += 1
  return {
    id: `c${serial}`,
    run,
    wave: null,
    stage_entry: null,
    kind,
    by: 'alice',
    reason: 'because',
    payload: '{}',
    at: startMs,
    ...change,
  }
}

export function verdictOf(outcome: Verdict['outcome'], change: Partial<Verdict> = {}): Verdict {
  return {
    outcome,
    reasonCode: outcome.toUpperCase(),
    reason: `${outcome} it is`,
    metrics: [],
    n: 500,
    nRequired: 400,
    etaAtMs: null,
    frontierMs: 1_000,
    latch: null,
    frozen:
      outcome === 'calibrated'
        ? { baselineValues: { error: 0.01 }, discordanceFloors: {}, clipBounds: {}, pairs: 100 }
        : null,
    planHash: samplePlan.hash,
    evidenceOffsets: { '0': 17 },
    codeVersion: 'test',
    gate: 'gate-1',
    ...change,
  }
}

/** A verdict for the present stage entry of the wave that `change` names, else of the first active one. */
export function verdictCommand(run: Run, verdict: Verdict, change: Partial<Command> = {}): Command {
  const wave = run.state.waves.find(({ id }) => id === change.wave) ?? run.state.waves[presentWave(run)]
  return command(run.id, 'verdict', {
    wave: wave?.id ?? '',
    stage_entry: wave?.stageEntry ?? 0,
    payload: JSON.stringify(verdict),
    by: verdict.gate,
    ...change,
  })
}

export function ackOf(run: Run, router: string, change: Partial<Ack> = {}): Ack {
  return {
    router,
    route: run.route,
    epoch: run.state.epoch,
    brakes: [],
    lease: 'live',
    outcome: 'applied',
    code: null,
    observed_candidate_share: null,
    applied_at: startMs,
    sent_at: startMs,
    ...change,
  }
}

export function latchOf(run: Run, id: string, change: Partial<Latch> = {}): Latch {
  return {
    id,
    route: run.route,
    run: run.id,
    wave: null,
    reason: 'errors doubled',
    by: 'gate-1',
    breached_at: startMs,
    written_at: startMs + 5,
    ...change,
  }
}

export function killOf(id: string, change: Partial<Kill> = {}): Kill {
  return {
    id,
    route: 'chat',
    by: 'alice',
    reason: 'no',
    written_at: startMs,
    released_at: null,
    min_epoch: {},
    ...change,
  }
}

export function applyCommand(run: string, spec: RolloutSpec, change: Partial<Command> = {}): Command {
  return command(run, 'apply', { payload: JSON.stringify({ spec, plan: samplePlan }), ...change })
}

/** A draft on an empty route. */
export function draftRun(spec: RolloutSpec = sampleSpec(), id = 'run-1'): Run {
  const { run, reason } = applyRun(applyCommand(id, spec), { runs: [], lastSplit: null, kills: [] }, startMs)
  if (run === null) throw new TypeError(`sample run refused: ${reason.text}`)
  return run
}

/** A run whose first stage has started. */
export function startedRun(spec: RolloutSpec = sampleSpec(), nowMs: number = startMs): Run {
  return ackedRun(transition(draftRun(spec), { kind: 'start', routeEpoch: 4 }, nowMs).run, nowMs)
}

export function ackedRun(run: Run, nowMs: number): Run {
  return run.spec.routers.reduce(
    (state, router) => transition(state, { kind: 'ack', ack: ackOf(state, router) }, nowMs).run,
    run,
  )
}
