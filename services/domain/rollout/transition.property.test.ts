import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision } from '../events/records.ts'
import { stageOf, weightOf } from './build-split.ts'
import type { RunEvent } from './events.ts'
import type { Run } from './run.ts'
import { readRun, writeRun } from './run-document.ts'
import {
  ackOf,
  command,
  draftRun,
  killOf,
  latchOf,
  presentWave,
  shortSpec,
  togetherSpec,
  verdictCommand,
  verdictOf,
} from './sample-run.ts'
import { stepProblems } from './sample-steps.ts'
import { allAcked, isOver, newWorld, track, verdictIn, type World } from './sample-world.ts'
import type { RolloutSpec } from './spec.ts'
import { transition } from './transition.ts'
import { activeWaves } from './waves.ts'

function checkLegal(run: Run): void {
  const { state } = run
  expect(state.killed).toBe(state.kills.length > 0)
  expect(state.review !== null).toBe(state.phase === 'review')
  if (state.phase === 'held' || state.phase === 'review') expect(state.resumePhase).not.toBeNull()
  if (state.parked) expect(state.phase).toBe('held')
  if (state.killed) expect(['draft', 'held', 'rolled_back', 'completed', 'aborted']).toContain(state.phase)
  if (state.killed && state.phase === 'held') expect(state.parked).toBe(true)
  if (state.phase === 'bake') expect(state.bakeUntilMs).not.toBeNull()
  const active = activeWaves(run)
  const weights = active.map((index) => stageOf(run, index)?.candidateWeight ?? 0)
  if (state.phase === 'shadow') expect(Math.max(...weights)).toBe(0)
  if (state.phase === 'canary') expect(Math.max(...weights)).toBeGreaterThan(0)
  if (state.phase === 'bake') expect(active).toEqual([])
  if (run.spec.waveOrder !== 'together') expect(active.length).toBeLessThanOrEqual(1)
  const asking = state.waves.find(({ id }) => id === state.reviewWave)
  if (state.phase !== 'review') expect(state.waves.every(({ ask }) => ask === null)).toBe(true)
  expect(asking?.ask?.kind ?? null).toBe(state.review === 'ack_rejected' ? null : state.review)
}

function checkSplits(world: World): void {
  const last = world.splits.at(-1)
  if (last === undefined) return
  const former = world.splits.at(-2)
  expect(former?.epoch ?? 0).toBeLessThan(last.epoch)
  for (const [wave, stage] of Object.entries(last.stages))
    if (former !== undefined && former.stages[wave] !== stage)
      expect(last.stage_entries[wave]).toBeGreaterThan(former.stage_entries[wave] ?? 0)
  const { run } = world
  if (run.state.phase === 'completed') {
    expect(last).toMatchObject({ run: null, default_variant: 'new', rules: [], lease_ms: null, shadow: null })
    expect(last.variants.map((variant) => variant.id)).toEqual(['new'])
    return
  }
  expect(last.default_variant).toBe('old')
  for (const [index, rule] of last.rules.entries()) {
    const stages = run.spec.waves[index]?.stages ?? []
    const allowed = stages[run.state.waves[index]?.stageIndex ?? -1]?.candidateWeight ?? 0
    expect(rule.candidate_weight).toBeLessThanOrEqual(allowed)
    expect(rule.candidate_weight).toBe(weightOf(run, index))
  }
  const braked = world.openLatches.size > 0 || world.openKills.size > 0
  if (braked) expect(last.rules.every((rule) => rule.candidate_weight === 0)).toBe(true)
}

/** A stage counts its time from when every listed router had acked the split in force. */
function checkStart(world: World, before: Run, after: Run): void {
  const started = after.state.waves.some(
    (wave, index) => wave.startedAtMs !== null && before.state.waves[index]?.startedAtMs === null,
  )
  if (started) expect(allAcked(world)).toBe(true)
}

/** A run that goes on after a brake starts its evidence from nothing. */
function checkResumed(before: Run, after: Run): void {
  if (!before.state.parked || after.state.parked || isOver(after)) return
  for (const [index, wave] of after.state.waves.entries())
    if (wave.status === 'active') expect(wave.stageEntry).toBeGreaterThan(before.state.waves[index]?.stageEntry ?? 0)
}

/** Brakes that are over bind nobody again, however often and late they are delivered. */
function checkEndedBrakes(world: World, event: RunEvent, before: Run, after: Run): void {
  if (event.kind === 'latch' && world.released.has(event.latch.id)) expect(after).toBe(before)
  if (event.kind !== 'kill' || event.kill.released_at !== null) return
  const endedAtMs = world.endedKills.get(event.kill.id) ?? Number.NEGATIVE_INFINITY
  if (endedAtMs >= event.kill.written_at) expect(after).toBe(before)
}

/** One event through a machine that has just been restarted from its document, and once more as a redelivery. */
function feed(world: World, event: RunEvent): void {
  const before = readRun(writeRun(world.run))
  if (before === null) throw new TypeError('a run did not survive its own document')
  expect(writeRun(before)).toBe(writeRun(world.run))
  const after = transition(before, event, world.nowMs)
  if (after.outcome === 'unchanged') expect(after.run).toBe(before)
  track(world, before, event, after)
  checkStart(world, before, after.run)
  const isNews = !world.delivered.includes(event)
  if (isNews && verdictIn(before, event) === 'rollback' && before.state.phase !== 'draft' && !isOver(before))
    expect(after.run.state.phase).toBe('rolled_back')
  checkEndedBrakes(world, event, before, after.run)
  checkResumed(before, after.run)
  expect(stepProblems({ world, before, event, after })).toEqual([])
  world.run = after.run
  world.delivered.push(event)
  for (const effect of after.effects) {
    if (effect.kind === 'split') world.splits.push(effect.split)
    else recordDecision(world, effect.decision)
  }
  checkLegal(world.run)
  checkSplits(world)
  if (before.state.phase === 'completed') expect(world.run.state.phase).toBe('completed')
  if (world.openLatches.size > 0 && before.state.phase !== 'completed')
    expect(['rolled_back', 'aborted']).toContain(world.run.state.phase)
  if (world.frozen !== null) expect(JSON.stringify(world.run.state.frozen)).toBe(world.frozen)
  world.frozen = world.run.state.frozen === null ? null : JSON.stringify(world.run.state.frozen)
  if (event.kind === 'tick' || event.kind === 'start') return
  const again = transition(world.run, event, world.nowMs)
  expect(again.effects).toEqual([])
  const stateOf = ({ state }: Run) => JSON.stringify({ ...state, revision: 0 })
  expect(stateOf(again.run)).toBe(stateOf(world.run))
}

function recordDecision(world: World, decision: Decision): void {
  const text = JSON.stringify(decision)
  expect(world.decisions.get(decision.id) ?? text).toBe(text)
  world.decisions.set(decision.id, text)
}

type Model = Record<string, never>
type Step = fc.Command<Model, World>

/** Makes the event when its turn comes, so that it speaks of the run as it then is. */
class Feed implements Step {
  private readonly label: string
  private readonly make: (world: World) => RunEvent | undefined
  constructor(label: string, make: (world: World) => RunEvent | undefined) {
    this.label = label
    this.make = make
  }
  check(): boolean {
    return true
  }
  run(_: Model, world: World): void {
    const event = this.make(world)
    if (event !== undefined) feed(world, event)
  }
  toString(): string {
    return this.label
  }
}

/** One of the active waves, else the one that is meant. */
function chosen(run: Run, which: number): Run['state']['waves'][number] | undefined {
  const active = activeWaves(run)
  return run.state.waves[active[which % Math.max(1, active.length)] ?? presentWave(run)]
}

const person = (kind: string, payload = '{}'): fc.Arbitrary<Step> =>
  fc.tuple(fc.constantFrom(null, 'present', 'stale'), fc.nat(1)).map(([naming, which]) => {
    return new Feed(`${kind} ${payload} ${naming ?? ''} ${which}`, ({ run }) => {
      const wave = chosen(run, which)
      const named =
        naming === null
          ? {}
          : { wave: wave?.id ?? null, stage_entry: (wave?.stageEntry ?? 0) + (naming === 'stale' ? 1 : 0) }
      return { kind: 'command', command: command(run.id, kind, { payload, ...named }), successor: null }
    })
  })

const verdicts = fc
  .record({
    outcome: fc.constantFrom('advance', 'advance', 'advance', 'hold', 'review', 'rollback', 'calibrated'),
    entry: fc.constantFrom(0, 0, 0, 0, -1, 1),
    frontierMs: fc.nat(20),
    pairs: fc.nat(9),
    planHash: fc.constantFrom('plan-1', 'plan-1', 'plan-1', 'plan-1', 'plan-0'),
    which: fc.nat(1),
  })
  .map(({ outcome, entry, frontierMs, pairs, planHash, which }) => {
    return new Feed(`verdict ${outcome} ${which} ${entry} ${frontierMs} ${planHash}`, ({ run }) => {
      const frozen = { baselineValues: {}, discordanceFloors: {}, clipBounds: {}, pairs }
      const verdict = verdictOf(outcome as 'advance', {
        frontierMs,
        planHash,
        frozen: outcome === 'calibrated' ? frozen : null,
      })
      const wave = chosen(run, which)
      const change = { wave: wave?.id ?? '', stage_entry: (wave?.stageEntry ?? 0) + entry }
      return { kind: 'command', command: verdictCommand(run, verdict, change), successor: null }
    })
  })

const acks = fc
  .record({
    router: fc.constantFrom('gateway-1', 'gateway-2', 'gateway-3'),
    behind: fc.constantFrom(0, 0, 0, 1),
    outcome: fc.constantFrom('applied', 'applied', 'applied', 'applied', 'rejected'),
  })
  .map(({ router, behind, outcome }) => {
    return new Feed(`ack ${router} -${behind} ${outcome}`, ({ run }) => ({
      kind: 'ack',
      ack: ackOf(run, router, { epoch: run.state.epoch - behind, outcome }),
    }))
  })

const allAcks = fc.constant(
  new Feed('all ack', (world) => {
    const [first, second] = world.run.spec.routers
    if (first !== undefined) feed(world, { kind: 'ack', ack: ackOf(world.run, first) })
    return second === undefined ? undefined : { kind: 'ack', ack: ackOf(world.run, second) }
  }),
)

const brakes = fc.oneof(
  fc.nat(2).map((id) => new Feed(`latch ${id}`, ({ run }) => ({ kind: 'latch', latch: latchOf(run, `l${id}`) }))),
  fc
    .nat(2)
    .map(
      (id) =>
        new Feed(`kill ${id}`, () => ({ kind: 'kill', kill: killOf(`k${id}`, { route: id === 0 ? '*' : 'chat' }) })),
    ),
  fc.tuple(fc.nat(2), fc.nat(60)).map(([id, minEpoch]) => {
    return new Feed(`kill ${id} ends`, ({ nowMs }) => ({
      kind: 'kill',
      kill: killOf(`k${id}`, { released_at: nowMs, min_epoch: { chat: minEpoch } }),
    }))
  }),
  fc.nat(2).chain((id) => person('release', JSON.stringify({ latch: `l${id}` }))),
)

/** A latch, its release by a person and the latch once more, as a redelivery would bring it. */
const released = fc.nat(2).map(
  (id) =>
    new Feed(`latch ${id}, released`, (world) => {
      const latch: RunEvent = { kind: 'latch', latch: latchOf(world.run, `l${id}`) }
      feed(world, latch)
      const payload = JSON.stringify({ latch: `l${id}` })
      feed(world, { kind: 'command', command: command(world.run.id, 'release', { payload }), successor: null })
      return latch
    }),
)

const ticks = (...passed: readonly number[]): fc.Arbitrary<Step> =>
  fc.constantFrom(...passed).map((passedMs) => {
    return new Feed(`tick +${passedMs}`, (world) => {
      world.nowMs += passedMs
      return { kind: 'tick' }
    })
  })

const time = ticks(0, 1, 500, 1_000, 5_000, 61_000)
const shortTime = ticks(500, 2_000, 5_000)

const good = fc.nat(1).map(
  (which) =>
    new Feed(`verdict advance ${which}`, ({ run }) => ({
      kind: 'command',
      command: verdictCommand(run, verdictOf('advance', { frontierMs: 99 }), { wave: chosen(run, which)?.id ?? '' }),
      successor: null,
    })),
)

const redelivery = fc.nat(40).map((back) => new Feed(`again -${back}`, ({ delivered }) => delivered.at(-1 - back)))

const anything = [
  fc.constant(new Feed('start', () => ({ kind: 'start', routeEpoch: 7 }))),
  time,
  time,
  allAcks,
  allAcks,
  acks,
  verdicts,
  verdicts,
  person('promote'),
  person('promote', '{"full":true}'),
  person('hold'),
  person('resume'),
  person('rollback'),
  person('approve'),
  person('approve'),
  person('reject'),
  person('explode'),
  redelivery,
  brakes,
  released,
]

/** Starts as a run does, so that most of the time is spent beyond the draft. */
function world(spec?: RolloutSpec): World {
  const fresh = newWorld(spec)
  feed(fresh, { kind: 'start', routeEpoch: 4 })
  return fresh
}

describe('any order and any duplication of events', () => {
  it('gives a legal state: brakes win, nothing advances without a verdict or a label, restarts lose nothing', () => {
    const steps = fc.commands(anything, { maxCommands: 60, size: 'max' })
    const runs = fc.property(steps, (given) => fc.modelRun(() => ({ model: {}, real: world() }), given))
    fc.assert(runs, { numRuns: 250 })
  })

  it('also with waves side by side, where each is moved by what is said of it alone', () => {
    let apart = 0
    const steps = fc.commands(anything, { maxCommands: 60, size: 'max' })
    const runs = fc.property(steps, (given) => {
      const real = world(togetherSpec())
      fc.modelRun(() => ({ model: {}, real }), given)
      const stages = real.run.state.waves.map(({ stageIndex }) => stageIndex)
      if (new Set(stages).size > 1) apart += 1
    })
    fc.assert(runs, { numRuns: 150 })
    // The property would say nothing if waves always stood side by side in the same stage.
    expect(apart).toBeGreaterThan(0)
  })

  it.each([
    ['one wave', shortSpec()],
    ['two waves side by side', togetherSpec()],
  ])('without people and brakes too, where evidence alone moves the run: %s', (_, spec) => {
    let completed = 0
    fc.assert(
      fc.property(
        fc.commands([shortTime, shortTime, allAcks, allAcks, good, good, verdicts], { maxCommands: 60, size: 'max' }),
        (steps) => {
          const real = { ...newWorld(), run: draftRun(spec) }
          feed(real, { kind: 'start', routeEpoch: 0 })
          fc.modelRun(() => ({ model: {}, real }), steps)
          expect(real.run.state.overrides).toEqual([])
          if (real.run.state.phase === 'completed') completed += 1
          if (!isOver(real.run)) expect(real.splits.at(-1)?.epoch).toBe(real.run.state.epoch)
        },
      ),
      { numRuns: 200, seed: 7 },
    )
    // The property would say nothing if no run ever got to its end.
    expect(completed).toBeGreaterThan(0)
  })

  it('a stage that asks for approval is left by nobody but a person, whatever the evidence says', () => {
    let asked = 0
    const [wave] = shortSpec().waves
    const stages = (wave?.stages ?? []).map((stage, index) =>
      index === 0 ? { ...stage, approval: 'manual' as const } : stage,
    )
    const spec = shortSpec({ waves: [{ id: 'all', match: {}, stages }] })
    fc.assert(
      fc.property(fc.commands([shortTime, allAcks, good, good], { maxCommands: 30, size: 'max' }), (steps) => {
        const real = { ...newWorld(), run: draftRun(spec) }
        feed(real, { kind: 'start', routeEpoch: 0 })
        fc.modelRun(() => ({ model: {}, real }), steps)
        expect(real.run.state.waves[0]?.stageIndex).toBe(0)
        if (real.run.state.review === 'approval') asked += 1
      }),
      { numRuns: 50, seed: 7 },
    )
    expect(asked).toBeGreaterThan(0)
  })
})
