import { describe, expect, it } from 'vitest'
import type { Ack, Kill, Split } from '../../domain/events/records.ts'
import type { Run } from '../../domain/rollout/run.ts'
import { ackOf, latchOf, startedRun, startMs } from '../../domain/rollout/sample-run.ts'
import { status } from '../../domain/rollout/status.ts'
import { rightsOf, type Service, services } from '../../flow.ts'
import type { ReadModel } from '../read-model.ts'
import type { Signs } from '../signs.ts'
import { lookAtControl } from './control-checks.ts'
import { judgeRights } from './rights-check.ts'

const run = startedRun()
const split = {
  route: 'chat',
  epoch: 3,
  run: run.id,
  rules: [{ id: 'all', wave: 'consumer', match: {}, candidate_weight: 1_000 }],
  releases: [],
  on_lapse: 'baseline',
  written_at: startMs,
} as unknown as Split
const applied = (router: string, change: Partial<Ack> = {}): Ack => ({ ...ackOf(run, router), epoch: 3, ...change })
const kill: Kill = {
  id: 'k1',
  route: 'chat',
  by: 'ann',
  reason: 'outage',
  written_at: startMs,
  released_at: null,
  min_epoch: {},
}
const monoMs = 1_000_000

interface World {
  readonly acks?: readonly Ack[]
  readonly kills?: readonly Kill[]
  readonly latches?: ReturnType<ReadModel['latches']>
  readonly openLatches?: readonly string[]
  readonly beatAgoMs?: number
  readonly ackAgoMs?: number
  readonly listensMs?: number
  readonly runs?: readonly Run[]
}

function complaints(world: World = {}): readonly string[] {
  const { acks = [applied('gateway-1'), applied('gateway-2')], kills = [], beatAgoMs = 100, ackAgoMs = 100 } = world
  const sign = (agoMs: number) => ({ sentAtMs: 0, appendedAtMs: 0, heardAtMs: 0, heardMonoMs: monoMs - agoMs })
  const armed = [{ run: run.id, wave: 'consumer', stage_entry: 1 }]
  const signs: Signs = {
    sinceMonoMs: monoMs - (world.listensMs ?? 60_000),
    beats: () => [{ beat: { gate: 'g', armed, frontier: 0, sent_at: 0 }, sign: sign(beatAgoMs) }],
    acks: () => acks.map((ack) => ({ ack, sign: sign(ackAgoMs) })),
  }
  const model = {
    runs: () => world.runs ?? [run],
    statusOf: (one: Run) => ({ ...status(one, [], startMs), openLatches: world.openLatches ?? [] }),
    split: () => split,
    acks: () => acks,
    kills: () => kills,
    latches: () => world.latches ?? [],
  } as unknown as ReadModel
  const clock = { nowMs: () => startMs + 60_000, monoMs: () => monoMs }
  return lookAtControl({ model, signs, clock })
    .filter(({ state }) => state !== 'ok')
    .map(({ state, part, what }) => `${state} ${part}: ${what}`)
}

describe('gates and routers', () => {
  it('that do what they should are not spoken of', () => expect(complaints()).toEqual([]))

  it('that nobody needs are not missed', () =>
    expect(complaints({ runs: [], acks: [], beatAgoMs: 60_000 })).toEqual([]))

  it('a gate that does not beat is missed, unless this API has only begun to listen', () => {
    expect(complaints({ beatAgoMs: 30_000 })).toEqual([
      expect.stringMatching(/^fail gates: no gate has beaten for run run-1/),
    ])
    expect(complaints({ beatAgoMs: 30_000, listensMs: 5_000 })).toEqual([
      'warn gates: run run-1: no heartbeat in the 5.0 s since this API listens',
    ])
  })

  it('a router that is silent, missing, behind, unable or lapsed is named', () => {
    expect(complaints({ ackAgoMs: 50_000 })).toHaveLength(2)
    expect(complaints({ acks: [applied('gateway-1')] })).toEqual([
      'fail routers: router gateway-2 on route chat has never acked',
    ])
    const acks = [
      applied('gateway-1', { epoch: 2 }),
      applied('gateway-2', { outcome: 'rejected', code: 'UNKNOWN_PROVIDER', lease: 'lapsed' }),
    ]
    expect(complaints({ acks })).toEqual([
      'fail routers: router gateway-1 on route chat serves epoch 2, the split is at 3',
      'fail routers: router gateway-2 on route chat cannot serve epoch 3: UNKNOWN_PROVIDER',
      'fail routers: router gateway-2 on route chat: its lease has lapsed, the candidate is served as on_lapse says (baseline)',
    ])
  })
})

describe('brakes', () => {
  it('in force are said, and a router that has not applied one is', () => {
    const latches = [latchOf(run, 'l1')]
    const acks = [applied('gateway-1', { brakes: ['k1', 'l1'] }), applied('gateway-2', { brakes: ['k1', 'local'] })]
    expect(complaints({ kills: [kill], latches, openLatches: ['l1'], acks })).toEqual([
      'fail routers: router gateway-2 on route chat has not applied brake l1',
      'warn routers: router gateway-2 on route chat is killed locally: its candidate gets nothing',
      'warn brakes: kill k1 of route chat by ann: outage',
      expect.stringMatching(/^warn brakes: latch l1 of run run-1 by /),
    ])
  })
})

describe('rights', () => {
  const all = Object.values<Service>(services).flatMap((service) =>
    rightsOf(service).flatMap((right) =>
      right.operations.map((operation) => ({
        ...right,
        operation,
        principal: `User:penstock-${service.name}`,
        allows: true,
      })),
    ),
  )
  const said = (given: Parameters<typeof judgeRights>[0]) =>
    judgeRights(given).map(({ state, what }) => `${state} ${what}`)

  it('as the flow gives them suffice; a broker that asks for none is fine, too', () => {
    expect(said(all)).toEqual(['ok every service may do what services/flow.ts says'])
    expect(said(null)).toEqual(['ok the broker has no authoriser: whoever reaches it may do everything'])
  })

  it('that lack, or that are refused, are named', () => {
    const lacking = all.filter(
      ({ principal, operation }) => !(principal === 'User:penstock-api' && operation === 'DescribeConfigs'),
    )
    const refused = {
      principal: 'User:*',
      allows: false,
      resource: 'topic' as const,
      name: 'control.splits.v1',
      prefixed: false,
      operation: 'Write',
    }
    expect(said([...lacking, refused])).toEqual([
      'fail User:penstock-rollout-controller lacks 1 right, first Write on topic control.splits.v1',
      'fail User:penstock-api lacks 12 rights, first DescribeConfigs on topic llm.exchanges.v1',
    ])
    expect(said(all.filter(({ principal }) => principal !== 'User:penstock-sink'))).toEqual([
      'warn nothing is given to User:penstock-sink',
    ])
  })
})
