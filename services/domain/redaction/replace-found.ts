/** One kind of value that is looked for in a text. */
export interface Detector {
  readonly kind: string
  /** Global. */
  readonly pattern: RegExp
  /** Confirms a match, so that ordinary numbers and words stay. */
  valid(match: string): boolean
  /** What is the same value however it is written: one value, one pseudonym. */
  canonical(match: string): string
  /** Whether a valid match may begin within an invalid one: digits of a phone number before those of a card. Only for patterns of bounded length. */
  readonly overlapping?: boolean
  /**
   * What every match holds and most texts do not, where a search for the pattern itself is slow. A match that holds the sign at `at` first begins at
   * `earliest(text, at)` or behind it, and not behind `at`. Of a later sign, `earliest` is not earlier.
   */
  readonly sign?: { readonly pattern: RegExp; earliest(text: string, at: number): number }
}

/** Puts marks in place of all valid matches, the leftmost first. */
export function replaceFound(detector: Detector, text: string, mark: (match: string) => string): string {
  const { valid, overlapping } = detector
  const find =
    detector.sign === undefined ? searching(detector.pattern, text) : bySign(detector.pattern, detector.sign, text)
  let result = ''
  let copied = 0
  for (let found = find(0); found !== null; ) {
    const [match] = found
    const end = found.index + match.length
    const isValid = valid(match)
    if (isValid) {
      result += text.slice(copied, found.index) + mark(match)
      copied = end
    }
    found = find(!isValid && overlapping === true ? found.index + 1 : end)
  }
  return result + text.slice(copied)
}

/** The leftmost match that begins at `from` or behind it; `from` must not go back from call to call. */
type Find = (from: number) => RegExpExecArray | null

function searching(pattern: RegExp, text: string): Find {
  return (from) => {
    pattern.lastIndex = from
    return pattern.exec(text)
  }
}

function bySign(pattern: RegExp, sign: Required<Detector>['sign'], text: string): Find {
  const sticky = stickyOf(pattern)
  let at = -1
  return (from) => {
    for (let begin = from; ; begin = Math.max(from, at + 1)) {
      // A sign is done with when every place where its match may begin has been tried.
      if (at < begin) {
        sign.pattern.lastIndex = begin
        const next = sign.pattern.exec(text)
        if (next === null) return null
        at = next.index
      }
      for (let start = Math.max(begin, sign.earliest(text, at)); start <= at; start += 1) {
        sticky.lastIndex = start
        const found = sticky.exec(text)
        if (found !== null) return found
      }
    }
  }
}

const stickies = new WeakMap<RegExp, RegExp>()

function stickyOf(pattern: RegExp): RegExp {
  const known = stickies.get(pattern)
  if (known !== undefined) return known
  const sticky = new RegExp(pattern.source, `${pattern.flags.replace('g', '')}y`)
  stickies.set(pattern, sticky)
  return sticky
}
