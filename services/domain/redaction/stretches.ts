import type { Stretch } from './replace-found.ts'

/** Where stretches are that begin at most `before` units before a sign and end with the run of characters that the sign begins. */
function around(sign: RegExp | string, run: RegExp, before: number): (text: string, from: number) => Stretch | null {
  const search = typeof sign === 'string' ? (text: string, from: number) => text.indexOf(sign, from) : searchFor(sign)
  // Of the last text without a sign: the next detector that asks the same of it need not read it again.
  let without = { text: '', from: 0 }
  return (text, from) => {
    if (from >= without.from && text === without.text) return null
    const at = search(text, from)
    if (at === -1) {
      without = { text, from }
      return null
    }
    run.lastIndex = at
    run.exec(text)
    const end = run.lastIndex
    return { start: Math.max(from, at - before), end, next: end }
  }
}

function searchFor(sign: RegExp): (text: string, from: number) => number {
  return (text, from) => {
    sign.lastIndex = from
    return sign.exec(text)?.index ?? -1
  }
}

/** Of tokens that are two JSON objects and a signature in base64: `{"` is `eyJ`, and every tenth letter is an e. */
export const behindBrace = around('yJ', /[A-Za-z0-9_.-]*/y, 1)

/**
 * Of keys with a prefix: ten characters of a word behind `-` or `_`, or behind the `A` of a key that may have neither. What stands before that is no longer
 * than `github`.
 */
export const longWord = around(/[-_A][A-Za-z0-9_-]{10}/g, /[A-Za-z0-9_-]*/y, 6)

/** Of IP addresses: two colons with up to four digits between them, or two dots. At most four digits stand before. */
export const aroundColons = around(/:[0-9a-fA-F]{0,4}:|\d\.\d{1,3}\./g, /[0-9a-fA-F:.]*/y, 4)

/** Of card and telephone numbers: seven digits, the fewest there are, with what may stand between two. Before them stands `+` or `(`. */
export const manyDigits = around(/\d(?:[ .()-]{0,2}\d){6}/g, /[\d .()+-]*/y, 1)

/** In UTF-16 units: 64 characters of two. */
const localPartMax = 128
/** More than eight labels of 63 characters of two units, their dots and the last label. */
const domainMax = 1_100
const localPart = /[\w.%+'\-\u0080-\uffff]/
const domain = /[A-Za-z0-9.\-\u0080-\uffff]/

/** What stands around an `@`: to both sides, up to the first ASCII character that an address cannot hold. */
export function aroundAt(text: string, from: number): Stretch | null {
  const at = text.indexOf('@', from)
  if (at === -1) return null
  let start = at
  while (start > Math.max(from, at - localPartMax) && localPart.test(text.charAt(start - 1))) start -= 1
  let end = at + 1
  while (end < Math.min(text.length, at + domainMax) && domain.test(text.charAt(end))) end += 1
  return { start, end, next: at + 1 }
}
