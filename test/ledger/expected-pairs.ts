import { type RecordKind, recordKinds } from './feed-exchange.ts'

/** Times of the run that say when an answer counts. */
export interface PairTimes {
  readonly legTimeoutMs: number
  readonly graceMs: number
  readonly shadowStartDelayMs: number
}

/** How long an answer waits for a request that stands behind it in the log. */
const orphanMs = 5_000

interface Heard {
  readonly kind: RecordKind
  /** False for a failure, and where the shadow service gave the leg up before an answer came. */
  readonly isAnswered: boolean
}

interface Seen {
  requestMs: number | null
  /** What waits for the request, and when it was appended. */
  waiting: { readonly heard: Heard; readonly appendMs: number }[]
  late: boolean
  /** The first of each kind counts. */
  readonly counted: Map<RecordKind, Heard>
}

export interface ExpectedPairs {
  /** Records in the order of their partition. */
  note(number: number, heard: Heard, appendMs: number): void
  /** Exchanges whose live baseline answer and candidate's shadow answer both came in time. */
  paired(): ReadonlySet<number>
  /** Exchanges of which an answer came too late to count. */
  late(): number
}

/**
 * Which exchanges must give a pair with both answers, by the rules as they are written down and by nothing of the code that applies them: an answer counts if
 * it was appended before its request's append time plus start delay, horizon and grace, and not more than 5 s before the request, and if it is the first of its leg.
 */
export function expectPairs({ legTimeoutMs, graceMs, shadowStartDelayMs }: PairTimes): ExpectedPairs {
  const seen = new Map<number, Seen>()
  const dueAfterMs = shadowStartDelayMs + legTimeoutMs + graceMs
  const count = (state: Seen, heard: Heard) => {
    if (!state.counted.has(heard.kind)) state.counted.set(heard.kind, heard)
  }
  const isWhole = ({ requestMs, counted }: Seen) =>
    requestMs !== null &&
    counted.has('plan') &&
    counted.get('live')?.isAnswered === true &&
    counted.get('shadow')?.isAnswered === true
  return {
    note(number, heard, appendMs) {
      const state: Seen = seen.get(number) ?? {
        requestMs: null,
        waiting: [],
        late: false,
        counted: new Map(),
      }
      seen.set(number, state)
      if (state.requestMs !== null) {
        if (appendMs < state.requestMs + dueAfterMs) count(state, heard)
        else if (!state.counted.has(heard.kind) && heard.kind !== 'request') state.late = true
        return
      }
      const inTime = state.waiting.filter((early) => appendMs < early.appendMs + orphanMs)
      if (inTime.length < state.waiting.length) state.late = true
      state.waiting = inTime
      if (heard.kind === 'request') {
        state.requestMs = appendMs
        for (const early of state.waiting) count(state, early.heard)
      } else state.waiting.push({ heard, appendMs })
    },
    paired: () => new Set([...seen].filter(([, state]) => isWhole(state)).map(([number]) => number)),
    late: () => [...seen.values()].filter(({ late }) => late).length,
  }
}

export function codeOf(number: number, kind: RecordKind): number {
  return number * recordKinds.length + recordKinds.indexOf(kind)
}
