import { describe, expect, it } from 'vitest'
import type { Split } from '../events/records.ts'
import type { Transition } from './events.ts'
import type { Run } from './run.ts'
import {
  ackedRun,
  ackOf,
  command,
  draftRun,
  killOf,
  latchOf,
  startedRun,
  startMs,
  togetherSpec,
  verdictCommand,
  verdictOf,
} from './sample-run.ts'
import { transition } from './transition.ts'

const spec = togetherSpec()
const [consumer, enterprise] = [0, 1] as const
const ids = ['consumer', 'enterprise'] as const

const send = (run: Run, kind: string, change: Parameters<typeof command>[2] = {}, nowMs = startMs + 2_000) =>
  transition(run, { kind: 'command', command: command(run.id, kind, change), successor: null }, nowMs)

const judge = (run: Run, wave: number, outcome: Parameters<typeof verdictOf>[0], nowMs = startMs + 2_000) => {
  const told = verdictCommand(run, verdictOf(outcome), { wave: ids[wave] ?? '' })
  return transition(run, { kind: 'command', command: told, successor: null }, nowMs)
}

const tick = (run: Run, nowMs: number): Transition => transition(run, { kind: 'tick' }, nowMs)

function splitsOf({ effects }: Transition): readonly Split[] {
  return effects.flatMap((effect) => (effect.kind === 'split' ? [effect.split] : []))
}

/** The consumers' canary beside the enterprise's shadow stage, both running. */
function apart(): Run {
  return ackedRun(judge(startedRun(spec), consumer, 'advance').run, startMs + 3_000)
}

describe('waves side by side', () => {
  it('all enter their first stage with the run, and start when its routers have acked', () => {
    const begun = transition(draftRun(spec), { kind: 'start', routeEpoch: 4 }, startMs)
    expect(splitsOf(begun)).toMatchObject([{ stage_entries: { consumer: 1, enterprise: 1 } }])
    expect(begun.run.state.phase).toBe('shadow')
    const started = ackedRun(begun.run, startMs + 5)
    expect(started.state.waves.map(({ startedAtMs }) => startedAtMs)).toEqual([startMs + 5, startMs + 5])
  })

  it('each advances by its own verdict alone and leaves the start and the evidence of the other', () => {
    const one = judge(startedRun(spec), consumer, 'advance')
    expect(splitsOf(one)).toMatchObject([
      { stage_entries: { consumer: 2, enterprise: 1 }, rules: [{ candidate_weight: 10_000 }, { candidate_weight: 0 }] },
    ])
    const { waves, phase } = ackedRun(one.run, startMs + 3_000).state
    expect(phase).toBe('canary')
    expect(waves.map(({ stageEntry, startedAtMs }) => [stageEntry, startedAtMs])).toEqual([
      [2, startMs + 3_000],
      [1, startMs],
    ])
  })

  it('a wave that enters before the others have started starts with them, at the acks of an epoch that has both', () => {
    const begun = transition(draftRun(spec), { kind: 'start', routeEpoch: 0 }, startMs).run
    const promoted = send(begun, 'promote', { wave: 'consumer' }).run
    const old = transition(promoted, { kind: 'ack', ack: ackOf(promoted, 'gateway-1', { epoch: 1 }) }, startMs + 3_000)
    expect(old.run.state.waves.map(({ startedAtMs }) => startedAtMs)).toEqual([null, null])
    const acked = ackedRun(promoted, startMs + 4_000)
    expect(acked.state.waves.map(({ startedAtMs }) => startedAtMs)).toEqual([startMs + 4_000, startMs + 4_000])
  })

  it('keep their own minimum durations, and one tick moves all whose time has come', () => {
    let run = judge(startedRun(spec), consumer, 'advance', startMs + 10).run
    run = judge(run, enterprise, 'advance', startMs + 20).run
    expect(run.state.waves.map(({ stageIndex }) => stageIndex)).toEqual([0, 0])
    const moved = tick(run, startMs + 1_000)
    expect(moved.run.state.waves.map(({ stageIndex }) => stageIndex)).toEqual([1, 1])
    const epochs = splitsOf(moved).map(({ epoch }) => epoch)
    expect(epochs).toEqual([run.state.epoch + 1, run.state.epoch + 2])
    expect(
      new Set(moved.effects.flatMap((effect) => (effect.kind === 'decision' ? [effect.decision.id] : []))).size,
    ).toBe(2)
  })

  it('bake when the last has finished; one that finishes before keeps its weight and splits nothing anew', () => {
    const first = judge(apart(), consumer, 'advance', startMs + 5_000)
    expect(first.reason.code).toBe('WAVE_FINISHED')
    expect(splitsOf(first)).toEqual([])
    expect(first.run.state).toMatchObject({ phase: 'shadow', acked: ['gateway-1'] })
    const canary = judge(first.run, enterprise, 'advance', startMs + 5_000)
    expect(splitsOf(canary)[0]?.rules.map((rule) => rule.candidate_weight)).toEqual([10_000, 10_000])
    const last = judge(ackedRun(canary.run, startMs + 6_000), enterprise, 'advance', startMs + 8_000)
    expect(last.run.state).toMatchObject({ phase: 'bake', overrides: [] })
    expect(tick(last.run, startMs + 13_000).run.state.phase).toBe('completed')
  })

  it('wait for the person that one of them asks for, and go on afterwards with what they were permitted meanwhile', () => {
    const asked = judge(apart(), enterprise, 'review', startMs + 4_000).run
    expect(asked.state).toMatchObject({ phase: 'review', review: 'verdict', reviewWave: 'enterprise' })
    const permitted = judge(asked, consumer, 'advance', startMs + 6_000)
    expect(permitted.reason.code).toBe('PERMITTED')
    expect(permitted.run.state).toMatchObject({ phase: 'review', reason: 'review it is' })
    expect(tick(permitted.run, startMs + 90_000).outcome).toBe('unchanged')
    expect(send(permitted.run, 'approve').reason.code).toBe('AMBIGUOUS_WAVE')
    expect(send(permitted.run, 'approve', { wave: 'consumer' }).reason.text).toContain('wave enterprise that waits')
    const approved = send(permitted.run, 'approve', { wave: 'enterprise' }, startMs + 104_000).run
    expect(approved.state).toMatchObject({ phase: 'canary', reviewWave: null, overrides: [{ wave: 'enterprise' }] })
    expect(approved.state.waves.map(({ stageIndex, startedAtMs }) => [stageIndex, startedAtMs])).toEqual([
      // A hundred seconds of review do not count.
      [1, startMs + 103_000],
      [1, null],
    ])
    expect(tick(approved, startMs + 104_000).run.state.waves[consumer]?.status).toBe('finished')
  })

  it('may ask one after the other, and each is answered for itself', () => {
    const one = judge(apart(), enterprise, 'review', startMs + 4_000).run
    const two = judge(one, consumer, 'review', startMs + 5_000).run
    expect(two.state).toMatchObject({ phase: 'review', reviewWave: 'enterprise' })
    const left = send(two, 'approve', { wave: 'enterprise' }, startMs + 6_000).run
    expect(left.state).toMatchObject({ phase: 'review', review: 'verdict', reviewWave: 'consumer' })
    expect(send(left, 'approve', { wave: 'consumer' }, startMs + 7_000).run.state.phase).toBe('canary')
    expect(send(two, 'reject').run.state).toMatchObject({ phase: 'rolled_back', reviewWave: null })
  })

  it('repair a rejected split first; what a wave asked is asked after that', () => {
    const asked = judge(apart(), enterprise, 'review', startMs + 4_000).run
    const refusal = ackOf(asked, 'gateway-1', { outcome: 'rejected', code: 'UNKNOWN_VARIANT' })
    const rejected = transition(asked, { kind: 'ack', ack: refusal }, startMs + 5_000).run
    expect(rejected.state).toMatchObject({ phase: 'review', review: 'ack_rejected', reviewWave: null })
    expect(send(rejected, 'approve', { wave: 'enterprise' }).reason.code).toBe('ACK_REJECTED')
    const resumed = send(rejected, 'resume', {}, startMs + 6_000).run
    expect(resumed.state).toMatchObject({ phase: 'review', review: 'verdict', reviewWave: 'enterprise' })
  })

  it('are held together, and a promotion of one leaves the others held', () => {
    const held = send(apart(), 'hold', {}, startMs + 4_000).run
    expect(tick(judge(held, consumer, 'advance', startMs + 5_000).run, startMs + 60_000).outcome).toBe('unchanged')
    const promoted = send(held, 'promote', { wave: 'enterprise' }, startMs + 5_000).run
    expect(promoted.state).toMatchObject({ phase: 'held', resumePhase: 'canary' })
    expect(promoted.state.waves.map(({ stageIndex }) => stageIndex)).toEqual([1, 1])
    const resumed = send(promoted, 'resume', {}, startMs + 14_000).run
    expect(resumed.state.waves[consumer]?.startedAtMs).toBe(startMs + 13_000)
  })

  it.each([
    [
      'promote',
      {},
      'AMBIGUOUS_WAVE',
      'promote which wave? Name one of the active: consumer (stage canary-10), enterprise (stage shadow)',
    ],
    ['promote', { wave: 'nobody' }, 'STALE', 'no wave nobody'],
    ['promote', { wave: 'consumer', stage_entry: 1 }, 'STALE', 'which is now at 2'],
    ['promote', { stage_entry: 1 }, 'STALE', 'stage entry 1 of which wave?'],
  ])('refuse %s %j with the names: %s', (kind, change, code, text) => {
    const after = send(apart(), kind, change)
    expect(after.reason.code).toBe(code)
    expect(after.reason.text).toContain(text)
  })

  it('are all bound by a brake for the run, and enter their stages anew after it', () => {
    const run = apart()
    const latched = transition(run, { kind: 'latch', latch: latchOf(run, 'l1') }, startMs + 4_000)
    const killed = transition(run, { kind: 'kill', kill: killOf('k1') }, startMs + 4_000)
    const byVerdict = judge(run, enterprise, 'rollback')
    for (const braked of [latched, killed, byVerdict, send(run, 'rollback')])
      expect(splitsOf(braked)[0]?.rules.map((rule) => rule.candidate_weight)).toEqual([0, 0])
    const released = send(latched.run, 'release', { payload: '{"latch":"l1"}' }).run
    const resumed = send(released, 'resume').run
    expect(resumed.state.waves.map(({ stageEntry, startedAtMs }) => [stageEntry, startedAtMs])).toEqual([
      [3, null],
      [2, null],
    ])
  })

  it('all need new verdicts when a bake was parked', () => {
    const bake = send(apart(), 'promote', { payload: '{"full":true}' }).run
    const killed = transition(bake, { kind: 'kill', kill: killOf('k1') }, startMs + 4_000).run
    const ended = transition(
      killed,
      { kind: 'kill', kill: killOf('k1', { released_at: startMs + 5_000 }) },
      startMs + 5_000,
    )
    expect(send(ended.run, 'resume').run.state.waves.map(({ status }) => status)).toEqual(['active', 'active'])
  })

  it('a silent gate brings the wave whose time is over before a person, and says which', () => {
    const run = apart()
    const over = tick(run, startMs + 90_000).run
    expect(over.state).toMatchObject({ phase: 'review', review: 'max_duration', reviewWave: 'enterprise' })
    expect(over.state.reason).toContain('of wave enterprise')
  })
})
