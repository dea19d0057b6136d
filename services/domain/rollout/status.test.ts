import { describe, expect, it } from 'vitest'
import {
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
import { status } from './status.ts'
import { transition } from './transition.ts'

describe('status', () => {
  it('says where, why, what next and when while evidence comes in', () => {
    const run = startedRun()
    const verdict = verdictOf('hold', {
      reasonCode: 'NEED_PAIRS',
      reason: '240 of 400 pairs',
      n: 240,
      etaAtMs: startMs + 9_000,
    })
    const held = transition(
      run,
      { kind: 'command', command: verdictCommand(run, verdict), successor: null },
      startMs + 5,
    ).run
    expect(status(held, [], startMs + 10)).toMatchObject({
      phase: 'shadow',
      decision: 'hold',
      decisionCode: 'NEED_PAIRS',
      decisionReason: '240 of 400 pairs',
      wave: 'consumer',
      stage: 'shadow',
      stageEntry: 1,
      candidateWeight: 0,
      n: 240,
      nRequired: 400,
      etaAtMs: startMs + 9_000,
      next: 'stage canary-10 of wave consumer (10 %)',
      waves: [
        { stages: [{ mark: 'current' }, { mark: 'waiting' }, { mark: 'waiting' }] },
        { status: 'waiting', stage: null },
      ],
      routers: [
        { id: 'gateway-1', acked: true },
        { id: 'gateway-2', acked: true },
      ],
    })
  })

  it('prefers a newer snapshot of the same stage entry and ignores one of another', () => {
    const run = startedRun()
    const view = {
      wave: 'consumer',
      stageEntry: 1,
      reasonCode: 'NEED_PAIRS',
      reason: '300 of 400',
      n: 300,
      nRequired: 400,
      etaAtMs: null,
      atMs: startMs + 9,
    }
    const verdict = verdictOf('hold', { frontierMs: startMs + 7 })
    expect(status(run, [{ view, verdict }], startMs)).toMatchObject({
      n: 300,
      gateAtMs: startMs + 9,
      watermarkMs: startMs + 7,
    })
    expect(status(run, [{ view: { ...view, stageEntry: 2 }, verdict }], startMs)).toMatchObject({
      n: null,
      gateAtMs: null,
      metrics: [],
      decisionCode: 'NO_VERDICT',
    })
  })

  it('names the routers that a stage waits for', () => {
    const begun = transition(draftRun(), { kind: 'start', routeEpoch: 0 }, startMs).run
    expect(status(begun, [], startMs)).toMatchObject({
      decisionCode: 'WAITING_FOR_ROUTERS',
      decisionReason: 'waiting for the ack of gateway-1, gateway-2',
    })
  })

  it('keeps the reason of a rollback, and says when the candidate may come again', () => {
    const run = startedRun()
    const latched = transition(run, { kind: 'latch', latch: latchOf(run, 'l1') }, startMs).run
    expect(status(latched, [], startMs + 10_000)).toMatchObject({
      decision: 'rollback',
      decisionCode: 'LATCHED',
      lastRollbackReason: 'rolled back by latch of gate-1: errors doubled',
      openLatches: ['l1'],
      next: 'the same candidate may be applied again in 20s, or release the latch to go on',
    })
  })

  it('shows kills, and completion as all of the traffic', () => {
    const run = startedRun(shortSpec())
    const killed = transition(run, { kind: 'kill', kill: killOf('k1') }, startMs).run
    expect(status(killed, [], startMs)).toMatchObject({
      killed: true,
      next: 'release kill k1',
      decisionCode: 'KILLED',
    })
    const bake = transition(
      run,
      { kind: 'command', command: command('run-1', 'promote', { payload: '{"full":true}' }), successor: null },
      startMs,
    ).run
    expect(status(bake, [], startMs)).toMatchObject({ phase: 'bake', etaAtMs: startMs + sampleSpec().bakeMs })
    const done = transition(
      bake,
      { kind: 'command', command: command('run-1', 'promote'), successor: null },
      startMs,
    ).run
    expect(status(done, [], startMs)).toMatchObject({
      decision: 'completed',
      candidateWeight: 100_000,
      waves: [{ stages: [{ mark: 'done' }, { mark: 'done' }] }],
    })
  })
})
