import type { Logger } from '../platform/log/logger.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'

/** Says which calls the gateway takes on. What it takes on it serves to the end; what it cannot, it refuses at once. */
export interface Admission {
  /** Whether one more call may begin; if so, `end` is to be called when it is over. */
  begin(): boolean
  end(): void
  /** Told of each turn of the event loop that was looked at. */
  onTurn(turn: LoopTurn): void
  /** Why calls are refused just now, in words; null while none is for the loop's sake. */
  refusing(): string | null
  stop(): Promise<void>
}

/** Ms between two looks at the loop, and by how much the second came later than asked for: as long as the loop was held up in between. */
export interface LoopTurn {
  readonly elapsedMs: number
  readonly heldMs: number
}

export interface AdmissionOptions {
  /** Calls under way at once. */
  readonly requestsMax: number
  /** A loop that is held up for longer again and again is given fewer calls. */
  readonly loopHeldMaxMs: number
  readonly metrics: Metrics
  readonly log: Logger
}

const lookEveryMs = 50
/** One pause for garbage refuses nobody: the loop must have been late for so long, and at so many looks on end. */
const lateForMs = 1_000
const lateLooks = 3
/** By how much the admitted share shrinks with every late look after that, and grows in a second without one. */
const shrink = 0.9
const growPerSecond = 0.1
/** Part of the time for which the loop may be held up that beginning calls may take in one turn: what follows of a call, in later turns, costs three times as much. */
const beginningShare = 0.25
/** So many calls may begin in any turn: a pause for garbage in the middle of one is not what they cost. */
const turnCallsMin = 16
/** A turn that is longer than that is let be, as one pause leaves one behind it; another that begins so soon after it is cut short. */
const longAgainWithinMs = 1_000
/** So long after a call that found its turn full it is said that calls are refused. */
const refusingForMs = 10_000
/** Some always get through, so that a gateway whose loop is held up by something else than calls is still seen to serve. */
const shareMin = 0.05

/**
 * A call takes several turns of the loop. Where more calls come than the gateway can serve, turns grow until those under way are as many as may be, and every call waits
 * for all others, brakes too. So the share of calls that is taken on is lowered while turns are long, and raised slowly again: additive increase, multiplicative decrease,
 * as TCP shares a line (Chiu and Jain 1989).
 *
 * Shares follow turns, and one turn may find a thousand calls: so in a turn that follows a long one none begins any more when beginning the others has taken a fourth of the time for which the loop may be held up.
 */
export function createAdmission(options: AdmissionOptions): Admission {
  return new LoopAdmission(options)
}

class LoopAdmission implements Admission {
  readonly #options: AdmissionOptions
  readonly #running: { set(value: number): void }
  readonly #shown: { set(value: number): void }
  readonly #timer: NodeJS.Timeout
  #underWay = 0
  #share = 1
  /** Calls that may still be taken on: each that comes brings its share of one. */
  #credit = 1
  #late = { looks: 0, forMs: 0 }
  /** The turn in which calls are beginning; null between turns. */
  #turn: { readonly beganMs: number; readonly followsLong: boolean; calls: number } | null = null
  #lastLongMs = Number.NEGATIVE_INFINITY
  #lastFullMs = Number.NEGATIVE_INFINITY

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { metrics, requestsMax } = options
    this.#running = metrics.gauge(
      'penstock_gateway_running_requests',
      'Requests under way, and connections to providers',
    )
    metrics.gauge('penstock_gateway_requests_limit', 'Requests that may be under way at once').set(requestsMax)
    this.#shown = metrics.gauge(
      'penstock_gateway_admitted_share',
      'Share of the requests that are taken on; below 1 while the event loop is held up',
    )
    this.#shown.set(1)
    let lastMs = performance.now()
    this.#timer = setInterval(() => {
      const elapsedMs = performance.now() - lastMs
      lastMs += elapsedMs
      this.onTurn({ elapsedMs, heldMs: Math.max(0, elapsedMs - lookEveryMs) })
    }, lookEveryMs)
    this.#timer.unref()
  }

  begin(): boolean {
    if (this.#underWay >= this.#options.requestsMax || !this.#fitsIntoTurn() || !this.#takesOn()) return false
    this.#underWay += 1
    this.#running.set(this.#underWay)
    return true
  }

  end(): void {
    this.#underWay -= 1
    this.#running.set(this.#underWay)
  }

  onTurn({ elapsedMs, heldMs }: LoopTurn): void {
    const isLate = heldMs > this.#options.loopHeldMaxMs
    this.#late = isLate ? { looks: this.#late.looks + 1, forMs: this.#late.forMs + elapsedMs } : { looks: 0, forMs: 0 }
    if (!isLate) this.#setShare(Math.min(1, this.#share + (growPerSecond * elapsedMs) / 1_000))
    else if (this.#late.looks >= lateLooks && this.#late.forMs >= lateForMs)
      this.#setShare(Math.max(shareMin, this.#share * shrink))
  }

  refusing(): string | null {
    if (this.#share === 1) {
      if (performance.now() - this.#lastFullMs > refusingForMs) return null
      return `some calls are refused with 503, because more come in one turn of the event loop than can begin in ${this.#beginningMaxMs} ms: add gateways`
    }
    const percent = Math.round(100 * (1 - this.#share))
    return `${percent} % of the calls are refused with 503, because the event loop is held up for more than ${this.#options.loopHeldMaxMs} ms at a time: add gateways`
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
  }

  #fitsIntoTurn(): boolean {
    const nowMs = performance.now()
    if (this.#turn === null) {
      this.#turn = { beganMs: nowMs, followsLong: nowMs - this.#lastLongMs <= longAgainWithinMs, calls: 0 }
      setImmediate(() => {
        this.#turn = null
      })
    }
    const turn = this.#turn
    turn.calls += 1
    if (turn.calls <= turnCallsMin || nowMs - turn.beganMs <= this.#beginningMaxMs) return true
    this.#lastLongMs = nowMs
    if (!turn.followsLong) return true
    if (this.refusing() === null) this.#warn()
    this.#lastFullMs = nowMs
    return false
  }

  get #beginningMaxMs(): number {
    return beginningShare * this.#options.loopHeldMaxMs
  }

  #takesOn(): boolean {
    this.#credit += this.#share
    if (this.#credit < 1) return false
    // What one call leaves over counts for the next; it does not pile up.
    this.#credit = Math.min(1, this.#credit - 1)
    return true
  }

  #warn(): void {
    this.#options.log.warn(
      {},
      'more calls than this gateway can serve: some are refused until its event loop keeps up again',
    )
  }

  #setShare(share: number): void {
    if (share < 1 && this.refusing() === null) this.#warn()
    this.#share = share
    this.#shown.set(share)
  }
}
