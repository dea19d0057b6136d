import type { Logger } from '../platform/log/logger.ts'
import type { Metrics } from '../platform/metrics/metrics.ts'
import { type AdmittedShare, createAdmittedShare, type LoopTurn } from './admitted-share.ts'
import { createTurnBound, type TurnBound } from './turn-bound.ts'

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

export interface AdmissionOptions {
  /** Calls under way at once. */
  readonly requestsMax: number
  /** A loop that is held up for longer again and again is given fewer calls. */
  readonly loopHeldMaxMs: number
  readonly metrics: Metrics
  readonly log: Logger
}

const lookEveryMs = 50
/** So long after a call that found its turn full it is said that calls are refused. */
const refusingForMs = 10_000

/** Three bounds: calls under way, what begins in one turn of the event loop, and the share of all calls that the loop can serve. */
export function createAdmission(options: AdmissionOptions): Admission {
  return new LoopAdmission(options)
}

class LoopAdmission implements Admission {
  readonly #options: AdmissionOptions
  readonly #share: AdmittedShare
  readonly #turn: TurnBound
  readonly #running: { set(value: number): void }
  readonly #shown: { set(value: number): void }
  readonly #timer: NodeJS.Timeout
  #underWay = 0
  #lastFullMs = Number.NEGATIVE_INFINITY

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { metrics, requestsMax, loopHeldMaxMs } = options
    this.#share = createAdmittedShare(loopHeldMaxMs)
    this.#turn = createTurnBound(loopHeldMaxMs)
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
    if (this.#underWay >= this.#options.requestsMax || !this.#fitsIntoTurn() || !this.#share.takesNext()) return false
    this.#underWay += 1
    this.#running.set(this.#underWay)
    return true
  }

  end(): void {
    this.#underWay -= 1
    this.#running.set(this.#underWay)
  }

  onTurn(turn: LoopTurn): void {
    this.#warnIfNew(() => this.#share.onTurn(turn))
    this.#shown.set(this.#share.value)
  }

  refusing(): string | null {
    const { loopHeldMaxMs } = this.#options
    if (this.#share.value < 1) {
      const percent = Math.round(100 * (1 - this.#share.value))
      return `${percent} % of the calls are refused with 503, because the event loop is held up for more than ${loopHeldMaxMs} ms at a time: add gateways`
    }
    if (performance.now() - this.#lastFullMs > refusingForMs) return null
    return `some calls are refused with 503, because more come in one turn of the event loop than can begin in ${this.#turn.beginningMaxMs} ms: add gateways`
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
  }

  #fitsIntoTurn(): boolean {
    if (this.#turn.takesOne()) return true
    this.#warnIfNew(() => {
      this.#lastFullMs = performance.now()
    })
    return false
  }

  #warnIfNew(change: () => void): void {
    const wasRefusing = this.refusing() !== null
    change()
    if (!wasRefusing && this.refusing() !== null)
      this.#options.log.warn(
        {},
        'more calls than this gateway can serve: some are refused until its event loop keeps up again',
      )
  }
}
