import type { Arm, Place } from '../../services/domain/events/records.ts'
import { logMixedBetaBinomialE } from '../../services/domain/stats/beta-binomial-e.ts'
import { addEvent, emptyEventShare, logEventShareE } from '../../services/domain/stats/event-share-e.ts'
import { asymptoticSequence } from '../../services/domain/stats/sequential/asymptotic-sequence.ts'
import { binomialSfGe } from '../../services/domain/stats/special-functions/binomial.ts'
import { addMoment, emptyMoments } from './moments.ts'
import {
  answered,
  fullWeight,
  type LegChange,
  type PairComparison,
  type PairOptions,
  startMs,
  type Traffic,
} from './traffic.ts'

/** Each rule below asks an e-process at 5 %, right at any number of looks, but for the one mistake that its name says. */
const threshold = Math.log(20)

/** A rule that the gate does not use, told the same as the gate. */
abstract class NaiveRule implements Traffic {
  nowMs = startMs
  stopped = false
  protected weight: number

  constructor(weight: number) {
    this.weight = weight
  }

  get share(): number {
    return this.weight / fullWeight
  }

  enterStage(weight: number): void {
    this.weight = weight
  }

  wait(ms: number): void {
    this.nowMs += ms
  }

  look(): void {
    if (!this.stopped && this.fires()) this.stopped = true
  }

  live(_arm: Arm, _unit: string, _leg: LegChange, _place?: Partial<Place>): void {}

  pair(_of: PairComparison, _unit: string, _base: LegChange, _cand: LegChange, _options?: PairOptions): void {}

  restart(): void {}

  protected abstract fires(): boolean
}

export type NaiveRuleOf = new (weight: number) => NaiveRule

/** True when the candidate's part of `events + others` is more than `share` at 5 %, whenever asked. */
function isMore(events: number, others: number, share: number): boolean {
  if (events + others === 0 || share <= 0 || share >= 1) return false
  return logMixedBetaBinomialE({ events, others, nullShare: share, tuned: 5 }) >= threshold
}

const isError = (leg: LegChange) => leg.resolution === 'failed' || leg.resolution === 'timed_out'

/** Every pair of a session counts. */
export class EveryPair extends NaiveRule {
  protected onlyCandidate = 0
  protected onlyBaseline = 0

  override pair(_: PairComparison, _unit: string, baseline: LegChange, candidate: LegChange): void {
    if (candidate.refused === true && baseline.refused !== true) this.onlyCandidate += 1
    if (baseline.refused === true && candidate.refused !== true) this.onlyBaseline += 1
  }

  protected override fires(): boolean {
    return isMore(this.onlyCandidate, this.onlyBaseline, 0.5)
  }
}

/** A test that is right once, at every look. */
export class MidPAtEachLook extends EveryPair {
  protected override fires(): boolean {
    return midP(this.onlyCandidate, this.onlyBaseline) <= 0.05
  }
}

/** P(X > x) + ½P(X = x) for X ~ Bin(x + y, ½). */
export function midP(x: number, y: number): number {
  return (binomialSfGe(x, x + y, 0.5) + binomialSfGe(x + 1, x + y, 0.5)) / 2
}

/** After each restart everything is read again from the beginning and added to what was there. */
export class AddedAgain extends EveryPair {
  #seen = [0, 0] as [number, number]

  override pair(of: PairComparison, unit: string, baseline: LegChange, candidate: LegChange): void {
    const before = [this.onlyCandidate, this.onlyBaseline] as const
    super.pair(of, unit, baseline, candidate)
    this.#seen = [this.#seen[0] + this.onlyCandidate - before[0], this.#seen[1] + this.onlyBaseline - before[1]]
  }

  override restart(): void {
    this.onlyCandidate += this.#seen[0]
    this.onlyBaseline += this.#seen[1]
  }
}

/** Every live request counts, whoever sent it, with the share of its stage, also where its tenant has a share of its own. */
export class EveryRequest extends NaiveRule {
  readonly #events = emptyEventShare()

  override live(arm: Arm, _unit: string, leg: LegChange): void {
    if (isError(leg)) addEvent(this.#events, { candidate: arm === 'candidate', share: this.share })
  }

  protected override fires(): boolean {
    return logEventShareE(this.#events) >= threshold
  }
}

/** Each leg is read as soon as it says something: a failure when it fails, nothing until then. A correction undoes what it corrects, but no alarm. */
export class AsLegsComplete extends NaiveRule {
  readonly #effects: { readonly atMs: number; readonly candidate: number; readonly baseline: number }[] = []
  #candidate = 0
  #baseline = 0

  override pair(
    _: PairComparison,
    _unit: string,
    baseline: LegChange,
    candidate: LegChange,
    { first }: PairOptions = {},
  ): void {
    if (first !== undefined) {
      this.#tell(0, Number(isError(first.candidate)), Number(isError(first.baseline)))
      const takes = candidate.durationMs ?? answered.durationMs
      this.#tell(takes, -Number(isError(first.candidate)), -Number(isError(first.baseline)))
    }
    this.#tell(candidate.durationMs ?? answered.durationMs, Number(isError(candidate)), 0)
    this.#tell(baseline.durationMs ?? answered.durationMs, 0, Number(isError(baseline)))
  }

  override wait(ms: number): void {
    super.wait(ms)
    for (let index = this.#effects.length - 1; index >= 0; index -= 1) {
      const effect = this.#effects[index]
      if (effect === undefined || effect.atMs > this.nowMs) continue
      this.#candidate += effect.candidate
      this.#baseline += effect.baseline
      this.#effects.splice(index, 1)
    }
    if (isMore(this.#candidate, this.#baseline, 0.5)) this.stopped = true
  }

  protected override fires(): boolean {
    return isMore(this.#candidate, this.#baseline, 0.5)
  }

  #tell(afterMs: number, candidate: number, baseline: number): void {
    if (candidate !== 0 || baseline !== 0) this.#effects.push({ atMs: this.nowMs + afterMs, candidate, baseline })
  }
}

/** Errors over requests of each arm, over all stages together; tenants with a share of their own are left out. */
export class RawRates extends NaiveRule {
  readonly #requests = { baseline: 0, candidate: 0 }
  readonly #errors = { baseline: 0, candidate: 0 }

  override live(arm: Arm, _unit: string, leg: LegChange, place?: Partial<Place>): void {
    if (place !== undefined) return
    this.#requests[arm] += 1
    if (isError(leg)) this.#errors[arm] += 1
  }

  protected override fires(): boolean {
    const { baseline, candidate } = this.#requests
    return isMore(this.#errors.candidate, this.#errors.baseline, candidate / Math.max(1, baseline + candidate))
  }
}

/** The asymptotic sequence on the mean difference, one-sided, from 40 pairs on. */
export class AsymptoticMean extends NaiveRule {
  readonly #moments = emptyMoments()

  override pair(of: PairComparison, _unit: string, baseline: LegChange, candidate: LegChange): void {
    if (of === 'content_ab') addMoment(this.#moments, (candidate.lengthChars ?? 0) - (baseline.lengthChars ?? 0))
  }

  protected override fires(): boolean {
    const { n, mean, squares } = this.#moments
    if (n < 40) return false
    const deviation = Math.sqrt(squares / (n - 1))
    return (asymptoticSequence({ n, mean, deviation, alpha: 0.05, tunedFor: 500 }).oneSided?.lower ?? 0) > 0
  }
}

/** The p99 of the candidate's requests of each minute lies over the budget of 30 s in five minutes in a row. */
export class LiteralP99 extends NaiveRule {
  #minute = 0
  #count = { n: 0, over: 0 }
  #inARow = 0

  override live(arm: Arm, _unit: string, leg: LegChange): void {
    const minute = Math.floor(this.nowMs / 60_000)
    if (minute !== this.#minute) {
      this.#inARow = this.#count.over > 0.01 * this.#count.n ? this.#inARow + 1 : 0
      if (this.#inARow >= 5) this.stopped = true
      this.#minute = minute
      this.#count = { n: 0, over: 0 }
    }
    if (arm !== 'candidate') return
    this.#count.n += 1
    if ((leg.durationMs ?? 0) > 30_000) this.#count.over += 1
  }

  protected override fires(): boolean {
    return this.#inARow >= 5
  }
}
