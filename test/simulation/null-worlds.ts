import type { Cell, Draw } from './cell.ts'
import { normal } from './cell.ts'
import { type LegChange, planOf, VirtualRun } from './virtual-run.ts'

/** The false-rollback budget of a whole run. */
const aim = { kind: 'share-at-most', share: 0.05 } as const
const looks = 100
const plan = planOf()
const failed: LegChange = { resolution: 'failed', durationMs: 300 }
const timedOut: LegChange = { resolution: 'timed_out', durationMs: 60_000 }

/** A leg of a model whose answers are refused, fail, or are slow now and then; `failing` says how it fails. */
function legOf(uniform: Draw, failing: LegChange, slowMs: number): LegChange {
  if (uniform() < 0.01) return failing
  return {
    refused: uniform() < 0.04,
    durationMs: uniform() < 0.008 ? 45_000 : slowMs,
    ttftMs: uniform() < 0.005 ? 6_000 : 300,
  }
}

/** Feeds `exchanges` of a world and looks a hundred times; 1 when any look says rollback. */
function peek(run: VirtualRun, exchanges: number, exchange: (index: number) => void): number {
  for (let index = 0; index < exchanges; index += 1) {
    exchange(index)
    if (index % Math.ceil(exchanges / looks) === 0 && run.judge().outcome === 'rollback') return 1
  }
  run.settle()
  return run.judge().outcome === 'rollback' ? 1 : 0
}

/** Live traffic at 10 % and shadow pairs of the same rates; the candidate's answers come late, but as often within the budget. */
function mixed(uniform: Draw, baselineFails: LegChange, candidateFails: LegChange): number {
  const run = new VirtualRun(plan, 10_000)
  const candidate = () => legOf(uniform, candidateFails, 20_000)
  const baseline = () => legOf(uniform, baselineFails, 400)
  return peek(run, 1_200, (i) => {
    if (uniform() < run.share) run.live('candidate', `user-${i}`, candidate())
    else run.live('baseline', `user-${i}`, baseline())
    run.pair('content_ab', `session-${i}`, baseline(), candidate())
    if (i % 10 === 0) run.pair('shadow_ab', `session-${i}`, baseline(), candidate())
    run.wait(2_000)
  })
}

/** Sessions of twenty pairs with a lean of their own (logit sd 1.2) as to who is refused; over sessions nobody is refused more. */
export function leaningSessions(uniform: Draw, each: (session: number, onlyCandidate: boolean | null) => void): void {
  for (let session = 0; session < 150; session += 1) {
    const lean = 1 / (1 + Math.exp(-1.2 * normal(uniform)))
    for (let pair = 0; pair < 20; pair += 1) {
      const worse = uniform() < lean
      each(session, uniform() < 0.06 ? worse : null)
    }
  }
}

function clustered(uniform: Draw): number {
  const run = new VirtualRun(plan, 0)
  leaningSessions(uniform, (session, only) => {
    run.pair('content_ab', `session-${session}`, { refused: only === false }, { refused: only === true })
    run.wait(500)
  })
  run.settle()
  return run.rollback() === null ? 0 : 1
}

/** Tenants that keep their place in the split while the share grows, each with a rate of errors of its own (gamma-like, mean 1 %). */
export function stickyTenants(
  uniform: Draw,
  tenants: number,
  requests: number,
  each: (tenant: number, place: number, isError: boolean) => void,
): void {
  const rates = Array.from({ length: tenants }, () => 0.01 * Math.exp(1.2 * normal(uniform) - 0.72))
  const places = Array.from({ length: tenants }, () => uniform())
  for (let i = 0; i < requests; i += 1) {
    const tenant = Math.floor(uniform() * tenants)
    each(tenant, places[tenant] ?? 0, uniform() < (rates[tenant] ?? 0))
  }
}

function sticky(uniform: Draw, tenants: number): number {
  const run = new VirtualRun(plan, 10_000)
  let seen = 0
  stickyTenants(uniform, tenants, 4_000, (tenant, place, isError) => {
    if (seen === 2_000) run.enterStage(50_000)
    seen += 1
    run.live(place < run.share ? 'candidate' : 'baseline', `tenant-${tenant}`, isError ? failed : {})
    run.wait(1_000)
  })
  run.settle()
  return run.rollback() === null ? 0 : 1
}

/** Shares of 1, 10 and 50 %, a tenant at 100 % and one at 0 %, and a base rate of errors that swings by 80 % over a day. */
function shares(uniform: Draw): number {
  const run = new VirtualRun(plan, 1_000)
  const stages: Readonly<Record<number, number>> = { 2000: 10_000, 4000: 50_000 }
  return peek(run, 6_000, (i) => {
    const next = stages[i]
    if (next !== undefined) run.enterStage(next)
    const rate = 0.03 * (1 + 0.8 * Math.sin((2 * Math.PI * i) / 6_000))
    const error: LegChange = uniform() < rate ? failed : {}
    const who = uniform()
    if (who < 0.15) run.live('candidate', `whole-${i}`, error, { rule: 'tenant-all', candidate_weight: 100_000 })
    else if (who < 0.25) run.live('baseline', `none-${i}`, error, { rule: 'tenant-none', candidate_weight: 0 })
    else run.live(uniform() < run.share ? 'candidate' : 'baseline', `user-${i}`, error)
    run.wait(14_400)
  })
}

function soundSplit(uniform: Draw): number {
  const run = new VirtualRun(plan, 10_000)
  for (let i = 0; i < 3_000; i += 1) {
    run.live(uniform() < run.share ? 'candidate' : 'baseline', `user-${i}`, {})
    run.wait(100)
    if (i % 30 === 0 && run.judge().reasonCode === 'SAMPLE_RATIO') return 1
  }
  run.settle()
  return run.judge().reasonCode === 'SAMPLE_RATIO' ? 1 : 0
}

/** Worlds in which the candidate is no worse: what fires there is false. */
export const nullWorlds: readonly Cell[] = [
  {
    name: 'null/one-pair-a-session',
    world: 'harmless, late answers, tied rates, 100 looks: rolled back',
    aim,
    shortRuns: 40,
    run: (uniform) => mixed(uniform, failed, failed),
  },
  {
    name: 'null/fails-sooner',
    world: 'fails at once where the baseline times out, equally often, 100 looks: rolled back',
    aim,
    shortRuns: 20,
    run: (uniform) => mixed(uniform, timedOut, failed),
  },
  {
    name: 'null/twenty-pairs-a-session',
    world: 'sessions of 20 pairs that lean one way (logit sd 1.2): rolled back',
    aim,
    shortRuns: 40,
    run: clustered,
  },
  {
    name: 'null/sticky-200-tenants',
    world: '200 sticky tenants with error rates of their own, share 10 then 50 %: rolled back',
    aim,
    shortRuns: 20,
    run: (uniform) => sticky(uniform, 200),
  },
  {
    name: 'null/sticky-2000-tenants',
    world: '2,000 sticky tenants, the same: rolled back',
    aim,
    shortRuns: 20,
    run: (uniform) => sticky(uniform, 2_000),
  },
  {
    name: 'null/shares-and-tenants',
    world: 'shares 1, 10, 50 %, a tenant at 100 % and one at 0 %, base rate ±80 % a day, 100 looks: rolled back',
    aim,
    shortRuns: 10,
    run: shares,
  },
  {
    name: 'null/sound-split',
    world: 'a split as it should be, looked at 100 times: called broken',
    aim: { kind: 'share-at-most', share: 0.001 },
    shortRuns: 10,
    run: soundSplit,
  },
]
