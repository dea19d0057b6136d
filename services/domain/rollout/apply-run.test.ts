import { describe, expect, it } from 'vitest'
import { compilePlan } from '../gate/compile-plan.ts'
import { applyRun, type RouteView } from './apply-run.ts'
import { buildSplit } from './build-split.ts'
import { readRun, writeRun } from './run-document.ts'
import {
  ackedRun,
  applyCommand,
  command,
  draftRun,
  latchOf,
  samplePlan,
  sampleSpec,
  shortSpec,
  startedRun,
  startMs,
} from './sample-run.ts'
import { transition } from './transition.ts'

const empty: RouteView = { runs: [], lastSplit: null, kills: [] }

function completed() {
  const promoted = transition(
    startedRun(shortSpec()),
    { kind: 'command', command: command('run-1', 'promote', { payload: '{"full":true}' }), successor: null },
    startMs,
  ).run
  const run = transition(ackedRun(promoted, startMs), { kind: 'tick' }, startMs + 10_000).run
  return { run, split: buildSplit(run, run.state.epoch, 'd', startMs) }
}

describe('applyRun', () => {
  it('makes a draft above the route’s last epoch and says so on the record', () => {
    const { run, effects } = applyRun(
      applyCommand('run-2', sampleSpec()),
      { ...empty, lastSplit: buildSplit(startedRun(), 41, 'd', startMs) },
      startMs,
    )
    expect(run).toMatchObject({ id: 'run-2', attempt: 1, state: { phase: 'draft', epoch: 41 } })
    expect(effects).toMatchObject([
      { kind: 'decision', decision: { from_phase: 'none', to_phase: 'draft', by: 'alice' } },
    ])
    expect(run === null ? null : readRun(writeRun(run))).toEqual(run)
  })

  it('refuses a second active run, and the same candidate until its cooldown is over; attempts are counted', () => {
    const first = startedRun()
    expect(applyRun(applyCommand('run-2', sampleSpec()), { ...empty, runs: [first] }, startMs).reason.code).toBe(
      'ROUTE_BUSY',
    )
    const latched = transition(first, { kind: 'latch', latch: latchOf(first, 'l1') }, startMs).run
    const view = { ...empty, runs: [latched] }
    expect(applyRun(applyCommand('run-2', sampleSpec()), view, startMs + 29_999).reason.code).toBe('COOLDOWN')
    const other = sampleSpec({ candidate: { ...sampleSpec().candidate, prompt_version: '2' } })
    expect(applyRun(applyCommand('run-2', other), view, startMs).run?.attempt).toBe(1)
    const again = applyRun(applyCommand('run-2', sampleSpec()), view, startMs + 30_000).run
    expect(again?.attempt).toBe(2)
    expect(again?.plan).toEqual(compilePlan(sampleSpec(), 2))
  })

  it('never puts a retired baseline back: the baseline has to be what the route serves', () => {
    const { run, split } = completed()
    expect(run.state.phase).toBe('completed')
    const view = { runs: [run], lastSplit: split, kills: [] }
    const third = { id: 'third', provider: 'p', model: 'm-3', prompt_version: null, parameters: {} }
    expect(
      applyRun(applyCommand('run-2', shortSpec({ candidate: third })), view, startMs + 99_000).reason,
    ).toMatchObject({
      code: 'BASELINE_NOT_SERVING',
    })
    const differs = shortSpec({ baseline: { ...shortSpec().candidate, model: 'm-9' }, candidate: third })
    expect(applyRun(applyCommand('run-2', differs), view, startMs + 99_000).reason.code).toBe('BASELINE_DIFFERS')
    const next = shortSpec({ baseline: shortSpec().candidate, candidate: third })
    expect(applyRun(applyCommand('run-2', next), view, startMs + 99_000).run?.state.phase).toBe('draft')
  })

  it('refuses while a kill is open', () => {
    expect(applyRun(applyCommand('run-2', sampleSpec()), { ...empty, kills: ['k1'] }, startMs).reason.code).toBe(
      'KILLED',
    )
  })

  it.each([
    ['no JSON', '{', 'INVALID_PAYLOAD'],
    ['nothing', '{}', 'INVALID_SPEC'],
    ['no plan', JSON.stringify({ spec: sampleSpec() }), 'INVALID_PLAN'],
    ['no routers', JSON.stringify({ spec: sampleSpec({ routers: [] }), plan: samplePlan }), 'INVALID_SPEC'],
    ['no waves', JSON.stringify({ spec: sampleSpec({ waves: [] }), plan: samplePlan }), 'INVALID_SPEC'],
    [
      'twice the same variant',
      JSON.stringify({ spec: sampleSpec({ candidate: sampleSpec().baseline }), plan: samplePlan }),
      'INVALID_SPEC',
    ],
    [
      'a first stage with weight',
      JSON.stringify({
        spec: sampleSpec({
          waves: [{ id: 'w', match: {}, stages: sampleSpec().waves[0]?.stages.slice(1) ?? [] }],
        }),
        plan: samplePlan,
      }),
      'INVALID_SPEC',
    ],
  ])('refuses an apply with %s', (_, payload, code) => {
    const refused = applyRun(command('run-2', 'apply', { payload }), empty, startMs)
    expect(refused).toMatchObject({ run: null, reason: { code } })
    expect(refused.effects).toMatchObject([{ decision: { from_phase: 'none', to_phase: 'none', run: 'run-2' } }])
  })
})

describe('readRun', () => {
  it.each(['', '[]', '{"id":"x"}', '{"digest":"a","index":0,"chunks":1,"entries":[]}'])(
    'takes %j for no run',
    (text) => {
      expect(readRun(text)).toBeNull()
    },
  )

  it('takes a phase it does not know for no run', () => {
    const run = draftRun()
    expect(readRun(JSON.stringify({ ...run, state: { ...run.state, phase: 'flying' } }))).toBeNull()
  })
})
