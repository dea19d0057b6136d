import type { Logger } from '../platform/log/logger.ts'
import type { ExchangeFields } from '../platform/log/trace-fields.ts'
import type { Counter, Metrics } from '../platform/metrics/metrics.ts'
import type { Lost } from './tap-messages.ts'

export type LeftOut = Lost | 'answer' | 'exchange'

/** What the tap leaves out is never silent: counted by name, said in the log now and then, and said of the last minute to whoever asks. */
export interface TapLosses {
  /** @param of null: of many, and it is not known of which */
  note(what: LeftOut, count: number, of: ExchangeFields | null): void
  /** All of it since the start. */
  total(): number
  /** What was left out in the last minute, in words; null when nothing was. */
  lately(): string | null
  /** Says what has not been said yet. */
  stop(): void
}

/** A minute has so many turns; what was left out in one is one line of the log. */
const turnsKept = 6
const defaultTurnMs = 10_000

/** @param turnMs default 10 s */
export function createTapLosses(metrics: Metrics, log: Logger, turnMs: number = defaultTurnMs): TapLosses {
  const drops: Counter = metrics.counter('penstock_tap_drops_total', 'What the tap left out', ['what'])
  let total = 0
  let turn: Record<string, number> = {}
  let first: ExchangeFields | null = null
  let before: readonly Readonly<Record<string, number>>[] = []
  const say = () => {
    if (Object.keys(turn).length > 0)
      // In words: as a field of its own, the count of bodies would be blanked for a body.
      log.warn(
        { left_out: inWords(turn), ...first },
        'not captured: the tap is at its budget, a text is longer than is kept of one, or a record could not be sent',
      )
    before = [turn, ...before].slice(0, turnsKept - 1)
    turn = {}
    first = null
  }
  const timer = setInterval(say, turnMs)
  timer.unref()
  return {
    note(what, count, of) {
      // At `debug`: a tap at its budget would fill the log. The line that sums up a turn names its first exchange, to begin a search with.
      if (of !== null) log.debug({ ...of, left_out: what }, 'not captured')
      first ??= of
      total += count
      turn[what] = (turn[what] ?? 0) + count
      drops.add(count, { what })
    },
    total: () => total,
    lately() {
      const sums: Record<string, number> = {}
      for (const [what, count] of [turn, ...before].flatMap((one) => Object.entries(one)))
        sums[what] = (sums[what] ?? 0) + count
      return Object.keys(sums).length === 0 ? null : `not captured in the last minute: ${inWords(sums)}`
    },
    stop() {
      clearInterval(timer)
      say()
    },
  }
}

function inWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ')
}
