import type { Arm, Evidence } from '../../services/domain/events/records.ts'
import { watchExceedance } from '../../services/domain/gate/exceedance-watch.ts'
import { addHarmRecord, createHarmState, type HarmState } from '../../services/domain/gate/harm-state.ts'
import { normalSf } from '../../services/domain/stats/special-functions/normal.ts'
import type { Cell } from './cell.ts'
import { autoregression, type Draw, gapBefore } from './draws.ts'
import { thresholdOf } from './harm-cells.ts'
import { startMs } from './traffic.ts'
import { planOf } from './virtual-run.ts'

const plan = planOf()
const test = plan.harm.find(({ engine }) => engine === 'exceedance')
if (test === undefined || plan.exceedance === null) throw new Error('the default plan has no p99 rule')
const [p99, policy] = [test, plan.exceedance]
const minuteMs = 60_000
const perMinute = 300
const dayMinutes = 1_440
/** Half of the traffic each, so that the candidate has 300 requests a minute and the baseline as many. */
const weight = 50_000

const frame: Evidence = {
  id: '',
  version: 0,
  place: { run: 'run', wave: 'all', stage_entry: 1, stage: 'stage', epoch: 1, rule: 'all', candidate_weight: weight },
  exchange_id: '',
  comparison: 'live_ab',
  source: 'pairing',
  horizon_ms: plan.legTimeoutMs,
  arrived_at: 0,
  arm: 'candidate',
  baseline_resolution: null,
  candidate_resolution: null,
  unit: '',
  assignment_unit: '',
  turn: 0,
  tenant: '',
  segments: {},
  inclusion_p: 1,
  metrics: [],
  late: false,
}

const counts = { exposed: false, event: true, mayRollBack: true }

/** One answer over budget, as the gate takes it. */
function addOver(state: HarmState | null, arm: Arm, arrivedAtMs: number): void {
  if (state === null) return
  const isCandidate = arm === 'candidate'
  const value = { name: p99.metric, baseline: isCandidate ? null : 1, candidate: isCandidate ? 1 : null }
  const evidence = { ...frame, arm, arrived_at: arrivedAtMs, metrics: [value] }
  addHarmRecord(p99, state, plan, null, { kind: 'single', evidence, arm, counts })
}

/** A minute of requests one by one: those within the budget only move the windows, which is all that the test does with them. */
function minuteOf(
  uniform: Draw,
  state: HarmState | null,
  minute: number,
  shares: Readonly<Record<Arm, number>>,
): number {
  const next = (arm: Arm) => gapBefore(uniform, shares[arm])
  let [candidateOver, baselineOver] = [next('candidate'), next('baseline')]
  let over = 0
  for (let i = 0; i < perMinute; i += 1) {
    const atMs = startMs + minute * minuteMs + (i * minuteMs) / perMinute
    if (i === baselineOver) {
      addOver(state, 'baseline', atMs)
      baselineOver += 1 + next('baseline')
    }
    if (i === candidateOver) {
      addOver(state, 'candidate', atMs)
      candidateOver += 1 + next('candidate')
      over += 1
    } else if (state !== null) watchExceedance(state.exceedance, policy, atMs, { over: false })
  }
  return over
}

type Latency = (uniform: Draw) => () => Readonly<Record<Arm, number>>

/** Independent latencies with these shares over budget. */
const independent =
  (candidate: number, baseline: number): Latency =>
  () =>
  () => ({ candidate, baseline })

/** Log latencies of both arms with a shared state of minutes (sd .3, lag-one .9) and spread .5 within: .8 % over budget over the day. */
const autocorrelated: Latency = (uniform) => {
  const step = autoregression(uniform, 0.9, 0.3)
  const budget = 2.409 * Math.hypot(0.3, 0.5)
  return () => {
    const share = normalSf((budget - step()) / 0.5)
    return { candidate: share, baseline: share }
  }
}

type Acts = (state: HarmState) => boolean

/** Minutes until the rule acts; +∞ when it does not within so many. */
function minutesUntil(uniform: Draw, latency: Latency, minutes: number, acts: Acts): number {
  const state = createHarmState()
  const shares = latency(uniform)
  for (let minute = 0; minute < minutes; minute += 1) {
    minuteOf(uniform, state, minute, shares())
    if (acts(state)) return minute + 1
  }
  return Number.POSITIVE_INFINITY
}

const day = (uniform: Draw, latency: Latency, acts: Acts) =>
  Number(Number.isFinite(minutesUntil(uniform, latency, dayMinutes, acts)))

/** The rule that reads the same minutes literally: over 1 % in five in a row. */
function fiveInARow(uniform: Draw, latency: Latency): number {
  const shares = latency(uniform)
  let inARow = 0
  for (let minute = 0; minute < dayMinutes && inARow < 5; minute += 1)
    inARow = minuteOf(uniform, null, minute, shares()) > 0.01 * perMinute ? inARow + 1 : 0
  return Number(inARow === 5)
}

const gateActs = (state: HarmState) => state.acted !== null
const windowsAlone = (state: HarmState) => state.exceedance.breached

const healthy = { kind: 'share-at-most', share: 0.015 } as const
const visibly = { kind: 'share-at-least', share: 0.2 } as const
const acts = thresholdOf(p99.id)

/** p99 over budget, by the gate's own exceedance engine, at 300 requests a minute of each arm. */
export const latencyCells: readonly Cell[] = [
  {
    name: 'p99/healthy-day',
    world: `true exceedance .8 % in both arms, a day (${acts}): acts`,
    aim: healthy,
    plan,
    shortRuns: 5,
    run: (uniform) => day(uniform, independent(0.008, 0.008), gateActs),
  },
  {
    name: 'p99/healthy-autocorrelated-day',
    world: 'the same with a state of minutes that both share (AR(1), sd .3): acts',
    aim: healthy,
    plan,
    shortRuns: 5,
    run: (uniform) => day(uniform, autocorrelated, gateActs),
  },
  {
    name: 'p99/two-percent',
    world: 'true exceedance 2 % against .3 % of the baseline: minutes until it acts',
    aim: { kind: 'median-at-most', value: 8, unit: 'minutes' },
    plan,
    shortRuns: 11,
    run: (uniform) => minutesUntil(uniform, independent(0.02, 0.003), 240, gateActs),
  },
  {
    name: 'naive/p99-in-a-row',
    dataOf: 'p99/healthy-day',
    world: 'the data of p99/healthy-day, but p99 over budget in 5 minutes in a row: acts',
    aim: visibly,
    plan: null,
    shortRuns: 5,
    run: (uniform) => fiveInARow(uniform, independent(0.008, 0.008)),
  },
  {
    name: 'naive/p99-in-a-row-autocorrelated',
    dataOf: 'p99/healthy-autocorrelated-day',
    world: 'the data of p99/healthy-autocorrelated-day, but p99 over budget in 5 minutes in a row: acts',
    aim: visibly,
    plan: null,
    shortRuns: 3,
    run: (uniform) => fiveInARow(uniform, autocorrelated),
  },
  {
    name: 'naive/windows-alone-autocorrelated',
    dataOf: 'p99/healthy-autocorrelated-day',
    world: 'the same data, but the windows without the comparison with the baseline: acts',
    aim: visibly,
    plan: null,
    shortRuns: 3,
    run: (uniform) => day(uniform, autocorrelated, windowsAlone),
  },
]
