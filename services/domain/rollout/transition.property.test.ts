import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision, Split } from '../events/records.ts'
import { stageOf, weightOf } from './build-split.ts'
import type { RunEvent, Transition } from './events.ts'
import type { Run } from './run.ts'
import { readRun, writeRun } from './run-document.ts'
import {
  ackOf,
  command,
  draftRun,
  killOf,
  latchOf,
  shortSpec,
  startMs,
  verdictCommand,
  verdictOf,
} from './sample-run.ts'
import { transition } from './transition.ts'

/** What the outside world has seen and done; kept apart from the machine, by other means than the machine's own. */
interface World {
  nowMs: number
  run: Run
  readonly splits: Split[]
  readonly decisions: Map<string, string>
  /** wave/entry for which a passing verdict of the run's own plan was sent. */
  readonly passes: Set<string>
  /** epoch/router of every applied ack. */
  readonly acks: Set<string>
  readonly delivered: RunEvent[]
  readonly openLatches: Set<string>
  readonly openKills: Set<string>
  readonly released: Set<string>
  frozen: string | null
}

function newWorld(): World {
  return {
    nowMs: startMs,
    run: draftRun(),
    splits: [],
    decisions: new Map(),
    passes: new Set(),
    acks: new Set(),
    delivered: [],
    openLatches: new Set(),
    openKills: new Set(),
    released: new Set(),
    frozen: null,
  }
}

type Model = Record<string, never>
type Step = fc.Command<Model, World>

const isOver = (run: Run): boolean => ['completed', 'aborted', 'rolled_back'].includes(run.state.phase)

/** How far a run has come; forward moves make it larger. */
function progress(run: Run): number {
  const stages = run.state.waves.reduce(
    (sum, wave) => sum + wave.stageIndex + 1 + (wave.status === 'finished' ? 1 : 0),
    0,
  )
  return stages + (run.state.phase === 'completed' ? 1 : 0)
}

const planHash = newWorld().run.plan.hash

const allAcked = (world: World): boolean => {
  const epoch = world.splits.at(-1)?.epoch
  return world.run.spec.routers.every((router) => world.acks.has(`${epoch}/${router}`))
}

/** The verdict that an event carries, when it is about this stage entry and made by this run's plan. */
function verdictIn(run: Run, event: RunEvent): string | null {
  if (event.kind !== 'command' || event.command.kind !== 'verdict') return null
  const verdict = JSON.parse(event.command.payload)
  const fits = event.command.stage_entry === run.state.waves[run.state.wave]?.stageEntry
  return fits && verdict.planHash === planHash ? verdict.outcome : null
}

const entryOf = (run: Run): string => `${run.state.wave}/${run.state.waves[run.state.wave]?.stageEntry ?? 0}`

function checkForward(before: Run, event: RunEvent, after: Transition, world: World): void {
  const begun = before.state.phase === 'draft'
  if (begun || progress(after.run) <= progress(before)) return
  const passed = world.passes.has(entryOf(before))
  const human = event.kind === 'command' && ['promote', 'approve'].includes(event.command.kind)
  const labelled = after.run.state.overrides.length > before.state.overrides.length
  const decision = after.effects.find((effect) => effect.kind === 'decision')?.decision
  if (before.state.phase === 'bake') {
    if (human) return
    expect(before.state.bakeUntilMs ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(world.nowMs)
    expect(allAcked(world)).toBe(true)
    return
  }
  const wave = before.state.waves[before.state.wave]
  const stage = stageOf(before, before.state.wave)
  const approved = human && before.state.review === 'approval'
  // At full weight there is nothing left to raise: time and guardrails end the stage.
  const full =
    stage?.candidateWeight === 100_000 &&
    (approved || world.nowMs - (wave?.startedAtMs ?? Number.POSITIVE_INFINITY) >= stage.minDurationMs)
  expect(passed || full || (human && labelled)).toBe(true)
  if (stage?.approval === 'manual') expect(human).toBe(true)
  if (!passed && !full) expect(JSON.parse(decision?.analysis ?? '{}')).toMatchObject({ override: true })
}

function checkLegal(run: Run): void {
  const { state } = run
  expect(state.killed).toBe(state.kills.length > 0)
  expect(state.review !== null).toBe(state.phase === 'review')
  if (state.phase === 'held' || state.phase === 'review') expect(state.resumePhase).not.toBeNull()
  if (state.parked) expect(state.phase).toBe('held')
  if (state.killed) expect(['draft', 'held', 'rolled_back', 'completed', 'aborted']).toContain(state.phase)
  if (state.killed && state.phase === 'held') expect(state.parked).toBe(true)
  if (state.phase === 'bake') expect(state.bakeUntilMs).not.toBeNull()
  if (state.phase === 'shadow') expect(stageOf(run, state.wave)?.candidateWeight).toBe(0)
  if (state.phase === 'canary') expect(stageOf(run, state.wave)?.candidateWeight).toBeGreaterThan(0)
  expect(state.waves.filter((wave) => wave.status === 'active').length).toBeLessThanOrEqual(1)
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

/** One event through a machine that has just been restarted from its document, and once more as a redelivery. */
function feed(world: World, event: RunEvent): void {
  const before = readRun(writeRun(world.run))
  if (before === null) throw new TypeError('a run did not survive its own document')
  expect(before).toEqual(world.run)
  const after = transition(before, event, world.nowMs)
  if (after.outcome === 'unchanged') expect(after.run).toBe(before)
  track(world, before, event, after)
  checkStart(world, before, after.run)
  const isNews = !world.delivered.includes(event)
  if (isNews && verdictIn(before, event) === 'rollback' && before.state.phase !== 'draft' && !isOver(before))
    expect(after.run.state.phase).toBe('rolled_back')
  if (event.kind === 'latch' && world.released.has(event.latch.id)) expect(after.run).toBe(before)
  checkForward(before, event, after, world)
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
  expect({ ...again.run.state, revision: 0 }).toEqual({ ...world.run.state, revision: 0 })
}

function recordDecision(world: World, decision: Decision): void {
  const text = JSON.stringify(decision)
  expect(world.decisions.get(decision.id) ?? text).toBe(text)
  world.decisions.set(decision.id, text)
}

function track(world: World, before: Run, event: RunEvent, after: Transition): void {
  const { phase } = before.state
  if (
    event.kind === 'latch' &&
    event.latch.run === before.id &&
    phase !== 'completed' &&
    !before.state.released.includes(event.latch.id)
  )
    world.openLatches.add(event.latch.id)
  if (event.kind === 'kill' && phase !== 'completed' && phase !== 'aborted') {
    if (event.kill.released_at !== null) world.openKills.delete(event.kill.id)
    else if (!(event.kill.id in before.state.endedKills)) world.openKills.add(event.kill.id)
  }
  if (event.kind === 'ack' && event.ack.outcome === 'applied') world.acks.add(`${event.ack.epoch}/${event.ack.router}`)
  if (event.kind !== 'command') return
  if (event.command.kind === 'release' && after.outcome === 'changed') {
    const { latch } = JSON.parse(event.command.payload)
    world.openLatches.delete(latch)
    world.released.add(latch)
  }
  if (verdictIn(before, event) === 'advance') world.passes.add(entryOf(before))
}

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

const person = (kind: string, payload = '{}'): fc.Arbitrary<Step> =>
  fc.constantFrom(null, 'present', 'stale').map((naming) => {
    return new Feed(`${kind} ${payload} ${naming ?? ''}`, ({ run }) => {
      const wave = run.state.waves[run.state.wave]
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
  })
  .map(({ outcome, entry, frontierMs, pairs, planHash }) => {
    return new Feed(`verdict ${outcome} ${entry} ${frontierMs} ${planHash}`, ({ run }) => {
      const frozen = { baselineValues: {}, discordanceFloors: {}, clipBounds: {}, pairs }
      const verdict = verdictOf(outcome as 'advance', {
        frontierMs,
        planHash,
        frozen: outcome === 'calibrated' ? frozen : null,
      })
      const stageEntry = (run.state.waves[run.state.wave]?.stageEntry ?? 0) + entry
      return { kind: 'command', command: verdictCommand(run, verdict, { stage_entry: stageEntry }), successor: null }
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

const good = fc.constant(
  new Feed('verdict advance', ({ run }) => ({
    kind: 'command',
    command: verdictCommand(run, verdictOf('advance', { frontierMs: 99 })),
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
function world(): World {
  const fresh = newWorld()
  feed(fresh, { kind: 'start', routeEpoch: 4 })
  return fresh
}

describe('any order and any duplication of events', () => {
  it('gives a legal state: brakes win, nothing advances without a verdict or a label, restarts lose nothing', () => {
    const steps = fc.commands(anything, { maxCommands: 60, size: 'max' })
    const runs = fc.property(steps, (given) => fc.modelRun(() => ({ model: {}, real: world() }), given))
    fc.assert(runs, { numRuns: 400 })
  })

  it('without people and brakes too, where evidence alone moves the run', () => {
    let completed = 0
    const spec = shortSpec()
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
})
