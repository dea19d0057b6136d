/** Part of the time for which the loop may be held up that beginning calls may take in one turn: what follows of a call, in later turns, costs three times as much. */
const beginningShare = 0.25
/** So many calls may begin in any turn: a pause for garbage in the middle of one is not what they cost. */
const turnCallsMin = 16
/** Turns must have been long for so long before one is cut short: a burst of calls, and what a pause leaves behind it, is served. */
const longForMs = 1_000
/** Long turns that are further apart are not of one time. */
const apartMs = 1_000

/** Bounds what begins in one turn of the event loop. */
export interface TurnBound {
  /** For how long calls may begin in a turn when turns have been long for a second. */
  readonly beginningMaxMs: number
  /** Whether one more call may begin in this turn. */
  takesOne(): boolean
}

/**
 * A share of the calls follows turns, and one turn may find a thousand calls: so when turns have been long for a second none begins any more in a turn in which beginning
 * the others has taken a fourth of `loopHeldMaxMs`.
 */
export function createTurnBound(loopHeldMaxMs: number): TurnBound {
  const beginningMaxMs = beginningShare * loopHeldMaxMs
  let turn: { readonly beganMs: number; readonly isBounded: boolean; calls: number } | null = null
  /** The time of long turns that is the last so far. */
  let long = { sinceMs: Number.NEGATIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY }
  const begin = (nowMs: number) => {
    setImmediate(() => {
      turn = null
    })
    const isBounded = nowMs - long.lastMs <= apartMs && nowMs - long.sinceMs >= longForMs
    return { beganMs: nowMs, isBounded, calls: 0 }
  }
  return {
    beginningMaxMs,
    takesOne() {
      const nowMs = performance.now()
      turn ??= begin(nowMs)
      turn.calls += 1
      if (turn.calls <= turnCallsMin || nowMs - turn.beganMs <= beginningMaxMs) return true
      long = { sinceMs: nowMs - long.lastMs <= apartMs ? long.sinceMs : nowMs, lastMs: nowMs }
      return !turn.isBounded
    },
  }
}
