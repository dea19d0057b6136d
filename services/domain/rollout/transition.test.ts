import { describe, expect, it } from 'vitest'
import type { Split } from '../events/records.ts'
import type { Effect, Transition } from './events.ts'
import type { Run } from './run.ts'
import {
  ackedRun,
  ackOf,
  command,
  draftRun,
  killOf,
  latchOf,
  sampleSpec,
  shortSpec,
  startedRun,
  startMs,
  verdictCommand,
  verdictOf,
} from './sample-run.ts'
import { transition } from './transition.ts'

const send = (run: Run, kind: string, change: Parameters<typeof command>[2] = {}, nowMs = startMs + 10): Transition =>
  transition(run, { kind: 'command', command: command(run.id, kind, change), successor: null }, nowMs)

const judge = (run: Run, verdict: ReturnType<typeof verdictOf>, nowMs = startMs + 10): Transition =>
  transition(run, { kind: 'command', command: verdictCommand(run, verdict), successor: null }, nowMs)

const tick = (run: Run, nowMs: number): Transition => transition(run, { kind: 'tick' }, nowMs)

function splitOf(effects: readonly Effect[]): Split | null {
  return effects.flatMap((effect) => (effect.kind === 'split' ? [effect.split] : []))[0] ?? null
}

function weights(effects: readonly Effect[]): number[] | null {
  return splitOf(effects)?.rules.map((rule) => rule.candidate_weight) ?? null
}

/** Through the present stage by evidence, acked and timed. */
function pass(run: Run, nowMs: number): Transition {
  const started = ackedRun(run, nowMs)
  return judge(started, verdictOf('advance'), nowMs + 2_000)
}

describe('the way through', () => {
  it('starts with all weights 0, shadowing and no lease', () => {
    const { run, effects } = transition(draftRun(), { kind: 'start', routeEpoch: 4 }, startMs)
    expect(run.state).toMatchObject({ phase: 'shadow', epoch: 5, acked: [] })
    expect(splitOf(effects)).toMatchObject({
      epoch: 5,
      run: 'run-1',
      default_variant: 'old',
      lease_ms: null,
      stages: { consumer: 'shadow', enterprise: 'waiting' },
      stage_entries: { consumer: 1, enterprise: 0 },
    })
    expect(weights(effects)).toEqual([0, 0])
    expect(splitOf(effects)?.shadow?.share).toBe(0.5)
  })

  it('starts a stage only when all listed routers have acked its epoch', () => {
    const begun = transition(draftRun(), { kind: 'start', routeEpoch: 0 }, startMs).run
    const one = transition(begun, { kind: 'ack', ack: ackOf(begun, 'gateway-1') }, startMs + 1).run
    expect(one.state.waves[0]?.startedAtMs).toBeNull()
    const old = transition(one, { kind: 'ack', ack: ackOf(one, 'gateway-2', { epoch: 0 }) }, startMs + 1).run
    expect(old.state.waves[0]?.startedAtMs).toBeNull()
    const foreign = transition(one, { kind: 'ack', ack: ackOf(one, 'gateway-9') }, startMs + 1).run
    expect(foreign.state.acked).toEqual(['gateway-1'])
    const two = transition(one, { kind: 'ack', ack: ackOf(one, 'gateway-2') }, startMs + 2)
    expect(two.run.state.waves[0]?.startedAtMs).toBe(startMs + 2)
    expect(two.reason.code).toBe('STAGE_STARTED')
  })

  it('keeps a permission until the minimum duration is over', () => {
    const permitted = judge(startedRun(), verdictOf('advance'))
    expect(permitted.run.state.phase).toBe('shadow')
    expect(permitted.reason.code).toBe('PERMITTED')
    expect(tick(permitted.run, startMs + 999).outcome).toBe('unchanged')
    const after = tick(permitted.run, startMs + 1_000)
    expect(after.run.state.phase).toBe('canary')
    expect(weights(after.effects)).toEqual([10_000, 0])
    expect(splitOf(after.effects)).toMatchObject({ lease_ms: 20_000, stage_entries: { consumer: 2, enterprise: 0 } })
  })

  it('a stage with all traffic ends by time without a breach, one with less never does', () => {
    const canary = ackedRun(
      pass(transition(draftRun(), { kind: 'start', routeEpoch: 0 }, startMs).run, startMs).run,
      startMs,
    )
    expect(tick(canary, startMs + 89_999).outcome).toBe('unchanged')
    expect(tick(canary, startMs + 90_000).run.state).toMatchObject({ phase: 'review', review: 'max_duration' })
    const full = ackedRun(pass(canary, startMs).run, startMs + 5_000)
    expect(tick(full, startMs + 5_999).outcome).toBe('unchanged')
    const after = tick(full, startMs + 6_000)
    expect(after).toMatchObject({
      reason: { code: 'WAVE_FINISHED' },
      run: { state: { phase: 'shadow', overrides: [] } },
    })
    const unacked = pass(canary, startMs).run
    expect(tick(unacked, startMs + 100_000).run.state.reasonCode).toBe('NOT_ACKED')
  })

  it('a later hold takes an unused permission back, an older answer does not', () => {
    const permitted = judge(startedRun(), verdictOf('advance', { frontierMs: 2_000 })).run
    expect(judge(permitted, verdictOf('hold', { frontierMs: 1_000 })).outcome).toBe('unchanged')
    const held = judge(permitted, verdictOf('hold', { frontierMs: 3_000 })).run
    expect(tick(held, startMs + 1_000).run.state.phase).toBe('shadow')
    expect(judge(held, verdictOf('advance', { frontierMs: 2_500 })).outcome).toBe('unchanged')
  })

  it('goes wave by wave to completion, and then has nothing to fall back to', () => {
    let step = pass(transition(draftRun(), { kind: 'start', routeEpoch: 0 }, startMs).run, startMs)
    step = pass(step.run, startMs + 10_000)
    expect(weights(step.effects)).toEqual([100_000, 0])
    step = pass(step.run, startMs + 20_000)
    expect(step.reason.code).toBe('WAVE_FINISHED')
    expect(step.run.state.phase).toBe('shadow')
    expect(weights(step.effects)).toEqual([100_000, 0])
    expect(splitOf(step.effects)?.lease_ms).toBe(20_000)
    step = pass(step.run, startMs + 30_000)
    expect(weights(step.effects)).toEqual([100_000, 50_000])
    step = pass(step.run, startMs + 40_000)
    expect(step.run.state).toMatchObject({ phase: 'review', review: 'approval' })
    step = send(step.run, 'approve', {}, startMs + 45_000)
    expect(step.run.state).toMatchObject({ phase: 'bake', overrides: [] })
    expect(tick(step.run, startMs + 49_999).outcome).toBe('unchanged')
    step = tick(step.run, startMs + 50_000)
    expect(step.run.state.phase).toBe('completed')
    expect(splitOf(step.effects)).toMatchObject({
      run: null,
      default_variant: 'new',
      rules: [],
      lease_ms: null,
      shadow: null,
      variants: [{ id: 'new' }],
    })
    const completed = step.run
    for (const after of [
      transition(completed, { kind: 'latch', latch: latchOf(completed, 'l1') }, startMs + 60_000),
      transition(completed, { kind: 'kill', kill: killOf('k1') }, startMs + 60_000),
      send(completed, 'rollback'),
      tick(completed, startMs + 99_000),
    ]) {
      expect(after.run.state.phase).toBe('completed')
      expect(splitOf(after.effects)).toBeNull()
    }
  })
})

describe('people', () => {
  it('without permission and without a word from the gate the stage ends in review half a minute after its maximum duration, and approving that is outside the budget', () => {
    const step = tick(startedRun(), startMs + 90_000)
    expect(step.run.state).toMatchObject({ phase: 'review', review: 'max_duration', resumePhase: 'shadow' })
    const approved = send(step.run, 'approve')
    expect(approved.run.state.overrides).toMatchObject([{ wave: 'consumer', stageEntry: 1, by: 'alice' }])
    expect(approved.reason.text).toContain('outside the error budget')
    expect(JSON.parse(decisionOf(approved).analysis)).toMatchObject({ override: true, planHash: 'plan-1' })
    expect(send(step.run, 'reject').run.state.phase).toBe('rolled_back')
    expect(send(step.run, 'resume').outcome).toBe('refused')
    const late = judge(step.run, verdictOf('advance'))
    expect(late.run.state).toMatchObject({ phase: 'review', review: 'approval' })
    expect(send(late.run, 'approve').run.state.overrides).toEqual([])
  })

  it('a trade-off goes to a person while guardrails stay armed', () => {
    const review = judge(startedRun(), verdictOf('review', { reasonCode: 'TRADE_OFF' })).run
    expect(review.state).toMatchObject({ phase: 'review', review: 'verdict', reasonCode: 'TRADE_OFF' })
    expect(judge(review, verdictOf('advance')).run.state.phase).toBe('review')
    expect(transition(review, { kind: 'latch', latch: latchOf(review, 'l1') }, startMs + 20).run.state.phase).toBe(
      'rolled_back',
    )
    expect(judge(review, verdictOf('rollback')).run.state.phase).toBe('rolled_back')
  })

  it('held time does not count, weights stay', () => {
    const held = send(startedRun(), 'hold', {}, startMs + 500)
    expect(held.run.state).toMatchObject({ phase: 'held', resumePhase: 'shadow', parked: false })
    expect(splitOf(held.effects)).toBeNull()
    const permitted = judge(held.run, verdictOf('advance'), startMs + 900).run
    expect(permitted.state.phase).toBe('held')
    const resumed = send(permitted, 'resume', {}, startMs + 100_500).run
    expect(resumed.state).toMatchObject({ phase: 'shadow', resumePhase: null })
    expect(tick(resumed, startMs + 100_999).outcome).toBe('unchanged')
    expect(tick(resumed, startMs + 101_000).run.state.phase).toBe('canary')
  })

  it('promotes one stage or fully, labelled', () => {
    const one = send(startedRun(), 'promote')
    expect(one.run.state).toMatchObject({ phase: 'canary', overrides: [{ by: 'alice' }] })
    const full = send(startedRun(), 'promote', { payload: '{"full":true}' })
    expect(full.run.state.phase).toBe('bake')
    expect(weights(full.effects)).toEqual([100_000, 50_000])
    expect(tick(full.run, startMs + 90_000).reason.text).toContain('waiting for the ack')
    expect(tick(ackedRun(full.run, startMs + 20), startMs + 90_000).run.state.phase).toBe('completed')
    expect(send(startedRun(), 'promote', { payload: '{"full":"yes"}' }).reason.code).toBe('INVALID_PAYLOAD')
  })

  it.each([
    ['an unknown kind', 'explode', {}, 'UNKNOWN_KIND'],
    ['another stage entry', 'promote', { wave: 'consumer', stage_entry: 7 }, 'STALE'],
    ['another wave', 'promote', { wave: 'enterprise', stage_entry: 0 }, 'STALE'],
    ['a wave nobody knows', 'hold', { wave: 'x' }, 'STALE'],
    ['a verdict without its stage', 'verdict', { payload: JSON.stringify(verdictOf('advance')) }, 'STALE'],
    ['a second apply', 'apply', {}, 'RUN_EXISTS'],
    ['approval of nothing', 'approve', {}, 'NOTHING_TO_APPROVE'],
    ['a resume of what runs', 'resume', {}, 'NOT_HELD'],
    ['the release of no latch', 'release', { payload: '{"latch":"x"}' }, 'NO_SUCH_LATCH'],
    ['a payload that is no JSON', 'promote', { payload: '{' }, 'INVALID_PAYLOAD'],
    [
      'a verdict full of nonsense',
      'verdict',
      { wave: 'consumer', stage_entry: 1, payload: '{"outcome":"advance","n":-1}' },
      'INVALID_PAYLOAD',
    ],
    [
      'a verdict of another plan',
      'verdict',
      { wave: 'consumer', stage_entry: 1, payload: JSON.stringify(verdictOf('advance', { planHash: 'x' })) },
      'PLAN_MISMATCH',
    ],
  ])('refuses %s on the record and changes nothing else', (_, kind, change, code) => {
    const before = startedRun()
    const after = send(before, kind, change)
    expect(after.reason.code).toBe(code)
    expect(after.outcome).toBe('refused')
    expect(decisionOf(after)).toMatchObject({ from_phase: 'shadow', to_phase: 'shadow' })
    expect({ ...after.run.state, handled: [], revision: 0 }).toEqual({ ...before.state, handled: [], revision: 0 })
  })

  it('a repeated command changes nothing', () => {
    const once = command('run-1', 'promote')
    const first = transition(startedRun(), { kind: 'command', command: once, successor: null }, startMs)
    const second = transition(first.run, { kind: 'command', command: once, successor: null }, startMs)
    expect(second).toMatchObject({ outcome: 'unchanged', effects: [] })
    expect(second.run).toBe(first.run)
  })

  it('freezes calibration once', () => {
    const frozen = judge(startedRun(), verdictOf('calibrated')).run
    const again = judge(
      frozen,
      verdictOf('calibrated', {
        frozen: { baselineValues: { error: 0.9 }, discordanceFloors: {}, clipBounds: {}, pairs: 5 },
      }),
    )
    expect(again.reason.code).toBe('FROZEN_ONCE')
    expect(again.run.state.frozen?.baselineValues).toEqual({ error: 0.01 })
  })
})

describe('brakes', () => {
  it('a latch takes the candidate back at once, with the times on the record', () => {
    const canary = send(startedRun(), 'promote').run
    const after = transition(canary, { kind: 'latch', latch: latchOf(canary, 'l1') }, startMs + 50)
    expect(after.run.state).toMatchObject({ phase: 'rolled_back', latches: ['l1'], cooldownUntilMs: startMs + 30_050 })
    expect(weights(after.effects)).toEqual([0, 0])
    expect(splitOf(after.effects)).toMatchObject({ shadow: null, lease_ms: null, default_variant: 'old' })
    expect(decisionOf(after)).toMatchObject({
      id: 'run-1/latch/l1',
      times: { breached_at: startMs, latch_written_at: startMs + 5, seen_at: startMs + 50 },
    })
    const byLatch = transition(
      after.run,
      {
        kind: 'ack',
        ack: ackOf(after.run, 'gateway-1', {
          epoch: canary.state.epoch,
          brakes: ['chat/latch/l1'],
          applied_at: startMs + 20,
        }),
      },
      startMs + 60,
    ).run
    const bySplit = ['gateway-1', 'gateway-2'].reduce(
      (run, router) =>
        transition(run, { kind: 'ack', ack: ackOf(run, router, { applied_at: startMs + 60 }) }, startMs + 70).run,
      byLatch,
    )
    expect(bySplit.state.lastRevert?.routersMs).toEqual({ 'gateway-1': startMs + 20, 'gateway-2': startMs + 60 })
    expect(bySplit.state.reasonCode).toBe('REVERT_ACKED')
  })

  it('a released latch leaves the run held at 0, and resume enters the stage anew', () => {
    const canary = send(startedRun(), 'promote').run
    const latched = transition(canary, { kind: 'latch', latch: latchOf(canary, 'l1') }, startMs + 50).run
    const event = {
      kind: 'command',
      command: command('run-1', 'release', { payload: '{"latch":"l1"}' }),
      successor: null,
    } as const
    expect(transition(latched, { ...event, successor: 'run-2' }, startMs + 60).reason.code).toBe('SUPERSEDED')
    const released = transition(latched, event, startMs + 60)
    expect(released.run.state).toMatchObject({ phase: 'held', parked: true, cooldownUntilMs: null, released: ['l1'] })
    expect(splitOf(released.effects)?.releases).toEqual(['l1'])
    expect(weights(released.effects)).toEqual([0, 0])
    expect(transition(released.run, { kind: 'latch', latch: latchOf(canary, 'l1') }, startMs + 70).outcome).toBe(
      'unchanged',
    )
    expect(send(released.run, 'promote').reason.code).toBe('PARKED')
    const resumed = send(released.run, 'resume')
    expect(resumed.run.state).toMatchObject({ phase: 'canary', parked: false })
    expect(splitOf(resumed.effects)).toMatchObject({ releases: ['l1'], stage_entries: { consumer: 3 } })
    expect(weights(resumed.effects)).toEqual([10_000, 0])
  })

  it('a kill holds at 0 until it ends and a person resumes, above the epoch it names', () => {
    const canary = send(startedRun(), 'promote').run
    const killed = transition(canary, { kind: 'kill', kill: killOf('k1', { route: '*' }) }, startMs + 50)
    expect(killed.run.state).toMatchObject({ phase: 'held', killed: true, parked: true })
    expect(weights(killed.effects)).toEqual([0, 0])
    expect(send(killed.run, 'resume').reason.code).toBe('KILLED')
    const ended = transition(
      killed.run,
      { kind: 'kill', kill: killOf('k1', { released_at: startMs + 60, min_epoch: { chat: 40 } }) },
      startMs + 61,
    )
    expect(ended.run.state).toMatchObject({ phase: 'held', killed: false, parked: true, epoch: 41 })
    expect(weights(ended.effects)).toEqual([0, 0])
    expect(transition(ended.run, { kind: 'kill', kill: killOf('k1') }, startMs + 62).outcome).toBe('unchanged')
    expect(send(ended.run, 'resume').run.state).toMatchObject({ phase: 'canary', epoch: 42 })
  })

  it('a rejected split goes before a person; resume sends it again', () => {
    const begun = transition(draftRun(), { kind: 'start', routeEpoch: 0 }, startMs).run
    const rejected = transition(
      begun,
      { kind: 'ack', ack: ackOf(begun, 'gateway-2', { outcome: 'rejected', code: 'UNKNOWN_VARIANT' }) },
      startMs + 5,
    ).run
    expect(rejected.state).toMatchObject({ phase: 'review', review: 'ack_rejected' })
    expect(rejected.state.reason).toContain('UNKNOWN_VARIANT')
    expect(send(rejected, 'approve').reason.code).toBe('ACK_REJECTED')
    const again = send(rejected, 'resume')
    expect(again.run.state).toMatchObject({ phase: 'shadow', epoch: 2, acked: [] })
    expect(ackedRun(again.run, startMs + 20).state.waves[0]?.startedAtMs).toBe(startMs + 20)
  })

  it('routers that never ack bring the run before a person', () => {
    const begun = transition(draftRun(shortSpec()), { kind: 'start', routeEpoch: 0 }, startMs).run
    expect(tick(begun, startMs + 60_000).run.state).toMatchObject({ phase: 'review', reasonCode: 'NOT_ACKED' })
  })

  it('a newer split of another run ends this one without a split', () => {
    const after = transition(startedRun(sampleSpec()), { kind: 'superseded', run: 'run-2', epoch: 99 }, startMs)
    expect(after.run.state.phase).toBe('aborted')
    expect(splitOf(after.effects)).toBeNull()
  })
})

function decisionOf(step: Transition) {
  const decision = step.effects.flatMap((effect) => (effect.kind === 'decision' ? [effect.decision] : []))[0]
  if (decision === undefined) throw new TypeError('no decision')
  return decision
}
