import type { Place } from '../../services/domain/events/records.ts'
import { compileRollout } from '../../services/domain/policy/compile-rollout.ts'
import type { RolloutDocument } from '../../services/domain/policy/rollout-document.ts'
import { applyRun } from '../../services/domain/rollout/apply-run.ts'
import type { Effect, RunEvent } from '../../services/domain/rollout/events.ts'
import type { Run } from '../../services/domain/rollout/run.ts'
import { ackOf, command } from '../../services/domain/rollout/sample-run.ts'
import { transition } from '../../services/domain/rollout/transition.ts'
import { placeOf } from '../../services/domain/routing/effective.ts'
import type { FeedRunId } from './feed-exchange.ts'

/** No stage is over within the time of a ledger, and every outcome is read once, at the full horizon. */
const document: Omit<RolloutDocument, 'name' | 'route'> = {
  change: 'model',
  baseline: { id: 'old', provider: 'p', model: 'm-1' },
  candidate: { id: 'new', provider: 'p', model: 'm-2' },
  routers: ['feed'],
  stickyKey: 'session',
  shadow: { share: 1, secondLegShare: 0.1, startWithin: '500ms', budget: { usd: 1_000_000, calls: 1_000_000_000 } },
  legTimeout: '8s',
  grace: '500ms',
  lease: '20s',
  calibrationPairs: 200,
  stages: [
    { weight: '0%', minDuration: '20h', maxDuration: '30h' },
    { weight: '10%', minDuration: '20h', maxDuration: '30h' },
    { weight: '100%' },
  ],
  bake: '1h',
  cooldown: '1h',
  metrics: {
    error: { margin: { absolute: 0.2 }, assumedRate: 0.02 },
    refusal: { margin: { absolute: 0.2 }, assumedRate: 0.02 },
    fast_error: { role: 'muted' },
    fast_refusal: { role: 'muted' },
    latency_over_budget: { role: 'muted', budget: '2s' },
    ttft_over_budget: { role: 'muted', budget: '1s' },
    abandoned: { role: 'muted' },
  },
}

export interface FeedRun {
  readonly run: Run
  /** Where its exchanges belong. */
  readonly place: Place
}

/**
 * Runs in their first canary stage, moved there by the state machine itself. Their splits are never written: the feed is gateway and shadow in one, and the
 * real shadow service leaves alone what no split speaks of.
 */
export function feedRuns(nowMs: number): Readonly<Record<FeedRunId, FeedRun>> {
  return { feed: feedRun('feed', nowMs), 'feed-worse': feedRun('feed-worse', nowMs) }
}

function feedRun(id: FeedRunId, nowMs: number): FeedRun {
  const compiled = compileRollout({ ...document, name: id, route: id }, null)
  if (compiled.kind !== 'compiled') throw new TypeError(JSON.stringify(compiled.problems))
  const { spec, plan } = compiled
  const applied = applyRun(
    command(id, 'apply', { payload: JSON.stringify({ spec, plan }) }),
    { runs: [], lastSplit: null, kills: [] },
    nowMs,
  )
  if (applied.run === null) throw new TypeError(applied.reason.text)
  let run = applied.run
  const effects: Effect[] = []
  const step = (event: RunEvent) => {
    const after = transition(run, event, nowMs)
    run = after.run
    effects.push(...after.effects)
  }
  step({ kind: 'start', routeEpoch: 0 })
  step({ kind: 'ack', ack: ackOf(run, 'feed') })
  step({ kind: 'command', command: command(id, 'promote'), successor: null })
  step({ kind: 'ack', ack: ackOf(run, 'feed') })
  const split = effects.flatMap((effect) => (effect.kind === 'split' ? [effect.split] : [])).at(-1)
  if (split === undefined || run.state.phase !== 'canary') throw new TypeError(`the run is ${run.state.phase}`)
  const [rule] = split.rules
  const place = rule === undefined ? null : placeOf(split, rule)
  if (place === null) throw new TypeError('the split has no place')
  return { run, place }
}
