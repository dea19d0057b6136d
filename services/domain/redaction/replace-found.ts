/** One kind of value that is looked for in a text. */
export interface Detector {
  readonly kind: string
  /** Global. Looks at most `margin` units behind and ahead of what it matches. */
  readonly pattern: RegExp
  /** Confirms a match, so that ordinary numbers and words stay. */
  valid(match: string): boolean
  /** What is the same value however it is written: one value, one pseudonym. */
  canonical(match: string): string
  /** Whether a valid match may begin within an invalid one: digits of a phone number before those of a card. Only for patterns of bounded length. */
  readonly overlapping?: boolean
  /**
   * The first stretch, at `from` or behind it, in which a match may lie, for patterns that are slow to search for everywhere; null: there is none. Each
   * match lies in one stretch whole, and what the pattern reads before it fails lies there, too, but for the margin.
   */
  stretch?(text: string, from: number): Stretch | null
}

/** From `start` up to `end`, without `end`. */
export interface Stretch {
  readonly start: number
  readonly end: number
  /** From here on matches begin in other stretches. */
  readonly next: number
}

/** The longest thing that a pattern looks behind for is an escape, `\u003c`. */
const margin = 8

/** Puts marks in place of all valid matches, the leftmost first. */
export function replaceFound(detector: Detector, text: string, mark: (match: string) => string): string {
  const { valid, overlapping } = detector
  const find =
    detector.stretch === undefined
      ? anywhere(detector.pattern, text)
      : inStretches(detector.pattern, detector.stretch, text)
  let result = ''
  let copied = 0
  for (let found = find(0); found !== null; ) {
    const { match, start } = found
    const end = start + match.length
    const isValid = valid(match)
    if (isValid) {
      result += text.slice(copied, start) + mark(match)
      copied = end
    }
    found = find(!isValid && overlapping === true ? start + 1 : end)
  }
  return copied === 0 ? text : result + text.slice(copied)
}

/** The leftmost match that begins at `from` or behind it; `from` grows from call to call. */
type Find = (from: number) => { readonly match: string; readonly start: number } | null

function anywhere(pattern: RegExp, text: string): Find {
  return (from) => {
    pattern.lastIndex = from
    const found = pattern.exec(text)
    return found === null ? null : { match: found[0], start: found.index }
  }
}

function inStretches(pattern: RegExp, stretch: NonNullable<Detector['stretch']>, text: string): Find {
  // Kept from call to call: a long stretch with many matches is not measured anew for each.
  let here: Stretch | null = { start: 0, end: 0, next: 0 }
  return (from) => {
    let begin = from
    while (here !== null) {
      if (begin >= here.next) here = stretch(text, begin)
      if (here === null) break
      const cutAt = Math.max(0, here.start - margin)
      pattern.lastIndex = Math.max(here.start, begin) - cutAt
      const found = pattern.exec(text.slice(cutAt, here.end + margin))
      if (found !== null && cutAt + found.index < here.next) return { match: found[0], start: cutAt + found.index }
      begin = here.next
    }
    return null
  }
}
