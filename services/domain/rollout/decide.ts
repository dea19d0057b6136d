import type { Command, Decision } from '../events/records.ts'
import type { Verdict } from '../gate/verdict.ts'
import { buildSplit } from './build-split.ts'
import type { Effect, Reason, Transition } from './events.ts'
import { patched } from './patched.ts'
import type { RolloutState, Run } from './run.ts'
import { onlyWave } from './waves.ts'

/** Commands whose ids a run remembers; later duplicates are kept out by the consumer's offsets. */
const handledMax = 200

/** What set a transition off: names its decision and says who answers for it. */
export interface Cause {
  /** Unique within the run and the same however often the event is delivered. */
  readonly id: string
  readonly by: string
  readonly command: Command | null
  readonly verdict: Verdict | null
  readonly times: Readonly<Record<string, number>>
}

export interface MoveOptions {
  /** The wave that it is about, where neither the command nor the run says so. */
  readonly wave?: number
  readonly split?: boolean
  /** No passing verdict allowed this move. */
  readonly override?: boolean
  /** Beside what the run stands in: its own reason stays. */
  readonly aside?: boolean
  readonly times?: Readonly<Record<string, number>>
}

/** Nothing to do; not on the record. */
export function unchanged(run: Run, code: string, text: string): Transition {
  return { run, effects: [], outcome: 'unchanged', reason: { code, text } }
}

function handledWith(state: RolloutState, command: Command | null): readonly string[] {
  return command === null ? state.handled : [...state.handled, command.id].slice(-handledMax)
}

function analysisOf(
  run: Run,
  wave: string,
  cause: Cause,
  reason: Reason,
  extra: Readonly<Record<string, unknown>>,
): string {
  const { verdict } = cause
  const last = run.state.waves.find(({ id }) => id === wave)?.lastVerdict
  return JSON.stringify({
    reasonCode: reason.code,
    kind: cause.command?.kind ?? null,
    commandId: cause.command?.id ?? null,
    statedReason: cause.command?.reason ?? null,
    planHash: run.plan.hash,
    attempt: run.attempt,
    epoch: run.state.epoch,
    permit: last?.outcome === 'advance' ? last.commandId : null,
    verdict,
    ...extra,
  })
}

/** One decision record; its id is the run and the cause, so that a repeated delivery makes the same one. */
function decisionOf(
  before: Run,
  after: Run,
  cause: Cause,
  reason: Reason,
  nowMs: number,
  options: MoveOptions & { readonly refused?: boolean },
): Decision {
  const { waves } = before.state
  const named = waves.find(({ id }) => id === cause.command?.wave)
  // What concerns the whole run while several waves are active names none of them.
  const wave = named ?? waves[options.wave ?? (onlyWave(after) === null ? null : onlyWave(before)) ?? -1]
  return {
    id: `${before.id}/${cause.id}`,
    run: before.id,
    wave: cause.command?.wave ?? wave?.id ?? '',
    stage_entry: cause.command?.stage_entry ?? wave?.stageEntry ?? 0,
    from_phase: before.state.phase,
    to_phase: after.state.phase,
    by: cause.by,
    reason: reason.text,
    analysis: analysisOf(after, wave?.id ?? '', cause, reason, {
      override: options.override ?? false,
      refused: options.refused ?? false,
    }),
    times: { seen_at: nowMs, ...cause.times, ...options.times },
    at: nowMs,
  }
}

/** The event is on the record and changes nothing but what has been handled. */
export function refused(run: Run, cause: Cause, code: string, text: string, nowMs: number): Transition {
  const reason = { code, text }
  const after =
    cause.command === null
      ? run
      : patched(run, { handled: handledWith(run.state, cause.command), revision: run.state.revision + 1 })
  return {
    run: after,
    effects: [{ kind: 'decision', decision: decisionOf(run, run, cause, reason, nowMs, { refused: true }) }],
    outcome: 'refused',
    reason,
  }
}

/**
 * Finishes a change: sets reason, revision and what has been handled, writes the decision and, when asked, the next split of the
 * route. A new split forgets the acks of the last one, because a stage starts when all routers have acked its own.
 */
export function move(
  before: Run,
  after: Run,
  cause: Cause,
  reason: Reason,
  nowMs: number,
  options: MoveOptions = {},
): Transition {
  const { state } = after
  const split = options.split ?? false
  const settled = patched(after, {
    ...(options.aside === true ? {} : { reasonCode: reason.code, reason: reason.text }),
    since: before.state.phase === state.phase ? before.state.since : nowMs,
    revision: before.state.revision + 1,
    handled: handledWith(before.state, cause.command),
    epoch: split ? Math.max(before.state.epoch, state.epoch) + 1 : Math.max(before.state.epoch, state.epoch),
    acked: split ? [] : state.acked,
  })
  const decision = decisionOf(before, settled, cause, reason, nowMs, options)
  const effects: Effect[] = [{ kind: 'decision', decision }]
  if (split) effects.push({ kind: 'split', split: buildSplit(settled, settled.state.epoch, decision.id, nowMs) })
  return { run: settled, effects, outcome: 'changed', reason }
}

/** A change that is kept but is no decision: an ack counted, a verdict heard. */
export function noted(before: Run, patch: Partial<RolloutState>, code: string, text: string): Transition {
  return {
    run: patched(before, { ...patch, revision: before.state.revision + 1 }),
    effects: [],
    outcome: 'changed',
    reason: { code, text },
  }
}
