/** Ms between two looks at the loop, and by how much the second came later than asked for: as long as the loop was held up in between. */
export interface LoopTurn {
  readonly elapsedMs: number
  readonly heldMs: number
}

/** One pause for garbage refuses nobody: the loop must have been late for so long, and at so many looks on end. */
const lateForMs = 1_000
const lateLooks = 3
/** By how much the share shrinks with every late look after that, and grows in a second without one. */
const shrink = 0.9
const growPerSecond = 0.1
/** Some always get through, so that a gateway whose loop is held up by something else than calls is still seen to serve. */
const shareMin = 0.05

/** The share of the calls that a loop can serve. */
export interface AdmittedShare {
  /** From 0.05 to 1. */
  readonly value: number
  /** Whether the next call is among them. */
  takesNext(): boolean
  onTurn(turn: LoopTurn): void
}

/**
 * A call takes several turns of the loop. Where more calls come than can be served, turns grow until those under way are as many as may be, and every call waits
 * for all others, brakes too. So the share is lowered while turns are long, and raised slowly again: additive increase, multiplicative decrease, as TCP shares a line
 * (Chiu and Jain 1989).
 */
export function createAdmittedShare(loopHeldMaxMs: number): AdmittedShare {
  let share = 1
  /** Calls that may still be taken on: each that comes brings its share of one. */
  let credit = 1
  let late = { looks: 0, forMs: 0 }
  return {
    get value() {
      return share
    },
    takesNext() {
      credit += share
      if (credit < 1) return false
      // What one call leaves over counts for the next; it does not pile up.
      credit = Math.min(1, credit - 1)
      return true
    },
    onTurn({ elapsedMs, heldMs }) {
      const isLate = heldMs > loopHeldMaxMs
      late = isLate ? { looks: late.looks + 1, forMs: late.forMs + elapsedMs } : { looks: 0, forMs: 0 }
      if (!isLate) share = Math.min(1, share + (growPerSecond * elapsedMs) / 1_000)
      else if (late.looks >= lateLooks && late.forMs >= lateForMs) share = Math.max(shareMin, share * shrink)
    },
  }
}
