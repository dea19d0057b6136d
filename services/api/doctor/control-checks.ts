import type { Ack, Split } from '../../domain/events/records.ts'
import { isActive } from '../../domain/rollout/moves.ts'
import { runningPhase } from '../../domain/rollout/pause.ts'
import type { Run } from '../../domain/rollout/run.ts'
import { killBinds, latchBinds } from '../../domain/routing/effective.ts'
import type { Clock } from '../../domain/time/clock.ts'
import type { ReadModel } from '../read-model.ts'
import type { Signs } from '../signs.ts'
import { type Check, count, fail, listed, ok, seconds, warn } from './check.ts'

export interface ControlLook {
  readonly model: ReadModel
  readonly signs: Signs
  readonly clock: Clock
}

/** Routers say again every ten seconds what they apply. */
const ackSilentMs = 35_000
/** What was just written may still be on its way. */
const onItsWayMs = 5_000
/** As the default lease of a route. */
const beatSilentMs = 20_000

/** Gates, routers and brakes, as the control topics show them. */
export function lookAtControl(look: ControlLook): readonly Check[] {
  const runs = look.model.runs().filter(isActive)
  return [...judgeGates(look, runs), ...judgeRouters(look, runs), ...judgeBrakes(look, runs)]
}

function judgeGates({ model, signs, clock }: ControlLook, runs: readonly Run[]): readonly Check[] {
  const guarded = runs.filter((run) => runningPhase(run) !== null)
  if (guarded.length === 0) return [ok('gates', 'no run asks for a gate now')]
  const heardForMs = clock.monoMs() - signs.sinceMonoMs
  const fresh = signs.beats().filter(({ sign }) => clock.monoMs() - sign.heardMonoMs <= beatSilentMs)
  const checks = guarded.flatMap((run): readonly Check[] => {
    const gates = fresh
      .filter(({ beat }) => beat.armed.some((armed) => armed.run === run.id))
      .map(({ beat }) => beat.gate)
    if (gates.length > 0) return []
    if (heardForMs < beatSilentMs)
      return [
        warn(
          'gates',
          `run ${run.id}: no heartbeat in the ${seconds(heardForMs)} since this API listens`,
          `ask again in ${seconds(beatSilentMs - heardForMs)}`,
        ),
      ]
    const share = model.statusOf(run).candidateWeight
    const what = `no gate has beaten for run ${run.id} in ${seconds(beatSilentMs)}${share > 0 ? '; routers give its candidate nothing when its lease lapses' : ''}`
    return [
      fail(
        'gates',
        what,
        'start gate-evaluator; if it runs it is blind: its /readyz says why (sight); look whether pairing runs',
      ),
    ]
  })
  const names = [...new Set(fresh.map(({ beat }) => beat.gate))]
  return checks.length > 0 ? checks : [ok('gates', `${count(guarded.length, 'run')} guarded by ${listed(names)}`)]
}

function judgeRouters(look: ControlLook, runs: readonly Run[]): readonly Check[] {
  const expected = runs.flatMap((run) => run.spec.routers.map((router) => ({ router, route: run.route })))
  const also = look.signs.acks().map(({ ack }) => ({ router: ack.router, route: ack.route }))
  const all = new Map([...expected, ...also].map((one) => [`${one.router}/${one.route}`, one]))
  if (all.size === 0) return [ok('routers', 'no route has a split that a router should apply')]
  const checks = [...all.values()].flatMap(({ router, route }) => judgeRouter(look, router, route))
  return checks.length > 0 ? checks : [ok('routers', `${count(all.size, 'router')} × route applied as they should be`)]
}

function judgeRouter({ model, signs, clock }: ControlLook, router: string, route: string): readonly Check[] {
  const who = `router ${router} on route ${route}`
  const start = `start ${router} (its id must be as the rollout file names it) and look at its log`
  const split = model.split(route)
  const ack = model.acks(route).find((one) => one.router === router)
  if (ack === undefined) return [fail('routers', `${who} has never acked`, start)]
  const heard = signs.acks().find((one) => one.ack.router === router && one.ack.route === route)
  const silentMs = clock.monoMs() - (heard?.sign.heardMonoMs ?? signs.sinceMonoMs)
  if (silentMs > ackSilentMs)
    return [
      fail(
        'routers',
        `${who} has said nothing for ${seconds(silentMs)}: it is down, or cut off and going by its lease`,
        start,
      ),
    ]
  return split === null ? [] : judgeApplied(ack, split, model, who, clock.nowMs())
}

function judgeApplied(ack: Ack, split: Split, model: ReadModel, who: string, nowMs: number): readonly Check[] {
  const checks: Check[] = []
  const old = (atMs: number) => nowMs - atMs > onItsWayMs
  if (ack.epoch < split.epoch && old(split.written_at))
    checks.push(
      fail(
        'routers',
        `${who} serves epoch ${ack.epoch}, the split is at ${split.epoch}`,
        'look whether it can read control.splits.v1',
      ),
    )
  if (ack.outcome === 'rejected')
    checks.push(
      fail(
        'routers',
        `${who} cannot serve epoch ${ack.epoch}: ${ack.code ?? 'no reason given'}`,
        'add the route, provider or variant to its configuration, or roll the run back',
      ),
    )
  const latches = split.run === null ? [] : model.latches(split.run)
  const binding = [
    ...latches.filter((latch) => split.rules.some(({ wave }) => latchBinds(latch, split, wave))),
    ...model.kills().filter((kill) => killBinds(kill, split)),
  ]
  for (const { id, written_at } of binding)
    if (!ack.brakes.includes(id) && old(written_at))
      checks.push(
        fail(
          'routers',
          `${who} has not applied brake ${id}`,
          'kill it locally (its kill file), then look whether it can read control.brakes.v1',
        ),
      )
  if (ack.brakes.includes('local'))
    checks.push(
      warn(
        'routers',
        `${who} is killed locally: its candidate gets nothing`,
        'remove its kill file, or the kill of its admin port',
      ),
    )
  if (ack.lease === 'lapsed' && ack.epoch === split.epoch)
    checks.push(
      fail(
        'routers',
        `${who}: its lease has lapsed, the candidate is served as on_lapse says (${split.on_lapse})`,
        'see gates; the lease is back after 30 s of steady heartbeats',
      ),
    )
  return checks
}

function judgeBrakes({ model }: ControlLook, runs: readonly Run[]): readonly Check[] {
  const kills = model
    .kills()
    .map((kill) =>
      warn(
        'brakes',
        `kill ${kill.id} of route ${kill.route} by ${kill.by}: ${kill.reason}`,
        `when it is over: penstock release '${kill.route}' --kill ${kill.id} --reason …`,
      ),
    )
  const latches = runs.flatMap((run) =>
    model.statusOf(run).openLatches.map((id) => {
      const latch = model.latches(run.id).find((one) => one.id === id)
      return warn(
        'brakes',
        `latch ${id} of run ${run.id}${latch === undefined ? '' : ` by ${latch.by}: ${latch.reason}`}`,
        `penstock explain ${run.id}; when it was a false alarm: penstock release ${run.id} --latch ${id} --reason …`,
      )
    }),
  )
  const all = [...kills, ...latches]
  return all.length > 0 ? all : [ok('brakes', 'no kill and no latch is in force')]
}
