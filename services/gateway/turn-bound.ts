/** Part of the time for which the loop may be held up that beginning calls may take in one turn: what follows of a call, in later turns, costs three times as much. */
const beginningShare = 0.25
/** So many calls may begin in any turn: a pause for garbage in the middle of one is not what they cost. */
const turnCallsMin = 16
/** A turn that is longer than that is let be, as one pause leaves one behind it; another that begins so soon after it is cut short. */
const longAgainWithinMs = 1_000

/** Bounds what begins in one turn of the event loop. */
export interface TurnBound {
  /** For how long calls may begin in a turn that follows a long one. */
  readonly beginningMaxMs: number
  /** Whether one more call may begin in this turn. */
  takesOne(): boolean
}

/**
 * A share of the calls follows turns, and one turn may find a thousand calls: so in a turn that follows a long one none begins any more when beginning the others has
 * taken a fourth of `loopHeldMaxMs`.
 */
export function createTurnBound(loopHeldMaxMs: number): TurnBound {
  const beginningMaxMs = beginningShare * loopHeldMaxMs
  let turn: { readonly beganMs: number; readonly followsLong: boolean; calls: number } | null = null
  let lastLongMs = Number.NEGATIVE_INFINITY
  const begin = (nowMs: number) => {
    setImmediate(() => {
      turn = null
    })
    return { beganMs: nowMs, followsLong: nowMs - lastLongMs <= longAgainWithinMs, calls: 0 }
  }
  return {
    beginningMaxMs,
    takesOne() {
      const nowMs = performance.now()
      turn ??= begin(nowMs)
      turn.calls += 1
      if (turn.calls <= turnCallsMin || nowMs - turn.beganMs <= beginningMaxMs) return true
      lastLongMs = nowMs
      return !turn.followsLong
    },
  }
}
