import { stageOf } from './build-split.ts'
import { type Cause, unchanged } from './decide.ts'
import type { Transition } from './events.ts'
import { abort, begin, complete, isOver } from './moves.ts'
import { usePermit } from './on-verdict.ts'
import { patched } from './patched.ts'
import { toRepair, toReview } from './pause.ts'
import type { Run } from './run.ts'
import { activeWaves } from './waves.ts'

function causeOf(run: Run, what: string): Cause {
  return { id: `${what}/${run.state.revision}`, by: 'rollout-controller', command: null, verdict: null, times: {} }
}

/** Parts of 100000. */
const fullWeight = 100_000
/** A gate answers for a stage that has lasted as long as it may within this time, or it is silent. */
const verdictWaitMs = 30_000

/**
 * What time alone may do: use a permission, ask for a person, end a stage that has all traffic, end a bake. Time never raises a weight:
 * at full weight no baseline is left to compare with, the verdict that permitted it has been given, and guardrails watch.
 */
export function onTick(run: Run, nowMs: number): Transition {
  const { phase } = run.state
  if (phase === 'bake') return bakeTick(run, nowMs)
  if (phase !== 'shadow' && phase !== 'canary') return unchanged(run, 'WAITING', `nothing to do while ${phase}`)
  return activeWaves(run).reduce<Transition>(
    (soFar, index) => {
      if (soFar.run.state.phase !== 'shadow' && soFar.run.state.phase !== 'canary') return soFar
      const step = waveTick(soFar.run, index, nowMs)
      return step.outcome === 'unchanged' ? soFar : { ...step, effects: [...soFar.effects, ...step.effects] }
    },
    unchanged(run, 'WAITING', 'the stage goes on'),
  )
}

function waveTick(run: Run, index: number, nowMs: number): Transition {
  const wave = run.state.waves[index]
  const stage = stageOf(run, index)
  if (wave === undefined || stage === null) return unchanged(run, 'WAITING', 'no stage')
  const isFull = stage.candidateWeight === fullWeight
  if (wave.permitted || isFull) {
    const why = wave.permitted
      ? (wave.lastVerdict?.reason ?? '')
      : 'all traffic for the minimum duration without a breach'
    const used = usePermit(run, run, index, causeOf(run, 'permit'), why, nowMs)
    if (used !== null) return used
  }
  const sinceMs = wave.startedAtMs ?? wave.enteredAtMs ?? nowMs
  const isWaiting = wave.permitted || (isFull && wave.startedAtMs !== null)
  // Of a stage that has begun the gate says in time what could be seen; this is for a gate that is silent.
  const waitMs = stage.maxDurationMs + (wave.startedAtMs === null ? 0 : verdictWaitMs)
  if (isWaiting || nowMs - sinceMs < waitMs) return unchanged(run, 'WAITING', 'the stage goes on')
  if (wave.startedAtMs === null) {
    const missing = run.spec.routers.filter((router) => !run.state.acked.includes(router))
    const text = `stage ${stage.name} of wave ${wave.id} has not started: ${missing.join(', ')} did not ack epoch ${run.state.epoch}; repair, then resume`
    return toRepair(run, causeOf(run, 'unacked'), { code: 'NOT_ACKED', text }, nowMs)
  }
  const last = wave.lastVerdict?.reason ?? 'no verdict was heard'
  const reason = `no permission within ${stage.maxDurationMs} ms of stage ${stage.name} of wave ${wave.id}: ${last}`
  const ask = { kind: 'max_duration', reasonCode: 'MAX_DURATION', reason } as const
  return toReview(run, index, causeOf(run, 'max-duration'), ask, nowMs)
}

function bakeTick(run: Run, nowMs: number): Transition {
  const { bakeUntilMs, acked } = run.state
  if (bakeUntilMs === null || nowMs < bakeUntilMs) return unchanged(run, 'WAITING', 'baking')
  const missing = run.spec.routers.filter((router) => !acked.includes(router))
  if (missing.length > 0) return unchanged(run, 'WAITING', `baked; waiting for the ack of ${missing.join(', ')}`)
  return complete(run, causeOf(run, 'bake'), 'bake ended without a breach', nowMs, false)
}

/** A draft becomes a run when it stands first on its route and no kill is open. */
export function onStart(run: Run, routeEpoch: number, nowMs: number): Transition {
  if (run.state.phase !== 'draft') return unchanged(run, 'STARTED', `the run is ${run.state.phase}`)
  if (run.state.killed) return unchanged(run, 'KILLED', `kill ${run.state.kills.join(', ')} is open`)
  return begin(patched(run, { epoch: Math.max(run.state.epoch, routeEpoch) }), causeOf(run, 'start'), nowMs)
}

/** Somebody else has the route: this run steps back without a word to the routers, whose split is the other's now. */
export function onSuperseded(run: Run, other: string, epoch: number, nowMs: number): Transition {
  if (isOver(run.state.phase) || other === run.id) return unchanged(run, 'OVER', `the run is ${run.state.phase}`)
  if (run.state.phase !== 'draft' && epoch <= run.state.epoch)
    return unchanged(run, 'OWN', 'the route is this run’s own')
  return abort(
    run,
    causeOf(run, 'superseded'),
    { code: 'ROUTE_BUSY', text: `route ${run.route} belongs to run ${other}` },
    nowMs,
  )
}
