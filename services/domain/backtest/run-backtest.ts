import type { Evidence } from '../events/records.ts'
import { type Judgement, judge } from '../gate/judge.ts'
import type { AnalysisPlan } from '../gate/plan.ts'
import { stageKindOf } from '../gate/readers.ts'
import { accept, createRunGate, enterThrough, type GateCounts, type RunGate } from '../gate/run-gate.ts'
import type { StageView } from '../gate/stage-view.ts'
import type { VerdictOutcome } from '../gate/verdict.ts'
import type { Exchange } from './exchange.ts'

/** Something that a policy would have done, and when. */
export interface BacktestEvent {
  readonly outcome: Exclude<VerdictOutcome, 'hold' | 'calibrated'>
  readonly wave: string
  readonly stageEntry: number
  readonly stage: string
  /** Place of the exchange whose record decided, from 1, in the order of arrival: so many pairs were needed. */
  readonly pair: number
  /** Exchanges that had arrived when that record was final: so many had been exposed. */
  readonly arrived: number
  /** Since the first arrival, ms. */
  readonly afterMs: number
  readonly reasonCode: string
  readonly reason: string
  /** The harm test that breached, when one did. */
  readonly test: string | null
}

/** What one policy would have done over one order of the recorded exchanges. A rollback ends it. */
export interface BacktestRun {
  readonly events: readonly BacktestEvent[]
  /** Exchanges that were fed before it ended. */
  readonly exchanges: number
  /** The gate's answer at the end; null when there was no evidence that the policy reads. */
  readonly last: Judgement | null
  /** The same of each wave, of the stage entry of its last record. */
  readonly waves: readonly { readonly wave: string; readonly stage: string; readonly answer: Judgement }[]
  readonly counts: GateCounts
}

/** Far above any recording: a backtest must not hold at a limit of its own. */
const limits = { waitingMax: 10_000_000, unitsMax: 50_000_000 }

/**
 * Feeds recorded exchanges to the gate of a plan in virtual time: each record is accepted when its exchange arrives and enters when it is final, and the
 * gate is asked at every moment at which its answer can have changed.
 * @param exchanges in the order of arrival
 */
export function runBacktest(plan: AnalysisPlan, exchanges: readonly Exchange[], run: string): BacktestRun {
  return new Backtest(plan, exchanges, run).run()
}

class Backtest {
  readonly #gate: RunGate
  readonly #exchanges: readonly Exchange[]
  /** Evidence id → place of its exchange, from 1. */
  readonly #placeOf = new Map<string, number>()
  readonly #events: BacktestEvent[] = []
  #fed = 0
  /** Wave → its last record; the one that entered last stands last. */
  readonly #lastEntered = new Map<string, Evidence>()
  /** Wave → what the gate was asked about. */
  readonly #seen = new Map<string, string>()

  constructor(plan: AnalysisPlan, exchanges: readonly Exchange[], run: string) {
    this.#gate = createRunGate(run, plan, limits)
    this.#exchanges = exchanges
  }

  run(): BacktestRun {
    for (const exchange of this.#exchanges) {
      this.#enterUntil(exchange.arrivedAtMs)
      if (this.#isOver()) break
      this.#fed += 1
      for (const record of exchange.evidence) {
        this.#placeOf.set(record.id, this.#fed)
        accept(this.#gate, record, 0, this.#fed)
      }
    }
    this.#enterUntil(Number.POSITIVE_INFINITY)
    const waves = [...this.#lastEntered.values()].map((evidence) => {
      const stage = stageOf(evidence)
      return { wave: stage.wave, stage: stage.stageName, answer: judge(this.#gate, stage) }
    })
    const last = waves.at(-1)?.answer ?? null
    return { events: this.#events, exchanges: this.#fed, last, waves, counts: this.#gate.counts }
  }

  #isOver(): boolean {
    return this.#events.at(-1)?.outcome === 'rollback'
  }

  /** One moment after the other: records that are final at the same moment enter together, as they do in a running gate. */
  #enterUntil(untilMs: number): void {
    for (
      let head = this.#gate.queue.heap[0];
      head !== undefined && head.releaseMs <= untilMs && !this.#isOver();
      head = this.#gate.queue.heap[0]
    ) {
      enterThrough(this.#gate, head.releaseMs)
      const { wave } = head.evidence.place
      this.#lastEntered.delete(wave)
      this.#lastEntered.set(wave, head.evidence)
      this.#ask(head.evidence, head.releaseMs)
    }
  }

  /** A full answer is dear and most records change nothing that decides, so it is asked for when something has happened to a test. */
  #ask(evidence: Evidence, nowMs: number): void {
    const stage = stageOf(evidence)
    const moment = this.#moment(stage)
    if (moment.text === this.#seen.get(stage.wave) && !moment.allPassed) return
    this.#seen.set(stage.wave, moment.text)
    const { outcome, reasonCode, reason, breach } = judge(this.#gate, stage)
    if (outcome === 'hold' || outcome === 'calibrated') return
    const test = breach?.test ?? null
    const { wave, stageEntry, stageName } = stage
    const known = this.#events.some(
      (event) =>
        event.outcome === outcome && event.test === test && event.wave === wave && event.stageEntry === stageEntry,
    )
    if (known) return
    const startMs = this.#exchanges[0]?.arrivedAtMs ?? nowMs
    this.#events.push({
      outcome,
      wave,
      stageEntry,
      stage: stageName,
      pair: this.#placeOf.get(breach?.evidenceId ?? evidence.id) ?? this.#fed,
      arrived: this.#fed,
      afterMs: nowMs - startMs,
      reasonCode,
      reason,
      test,
    })
  }

  #moment(stage: StageView): { readonly text: string; readonly allPassed: boolean } {
    const { plan, breaches, harm, advance, calibration } = this.#gate
    const rejected = [...harm.values()].filter((state) => state.rejectedAtMs !== null).length
    const tests = plan.advance.filter((test) => test.stages === stageKindOf(stage.candidateWeight))
    const states = tests.map((test) => advance.get(`${stage.wave}/${stage.stageEntry}/${test.id}`))
    const looks = states.reduce((sum, state) => sum + (state?.statistics.length ?? 0), 0)
    const frozen = calibration.frozen === null ? 0 : 1
    return {
      text: [stage.wave, stage.stageEntry, breaches.length, rejected, looks, frozen].join('/'),
      allPassed: tests.length > 0 && states.every((state) => state?.passed === true),
    }
  }
}

function stageOf({ place }: Evidence): StageView {
  return {
    wave: place.wave,
    stageEntry: place.stage_entry,
    stageName: place.stage,
    candidateWeight: place.candidate_weight,
    approved: false,
  }
}
