import type { Stretch } from './replace-found.ts'

/** In UTF-16 units: 64 characters of two. */
const localPartMax = 128
/** More than eight labels of 63 characters of two units, their dots and the last label. */
const domainMax = 1_100

/** Ten characters of a word behind `-` or `_`, or the beginning of a key that may have neither. */
const keySign = /[-_A][A-Za-z0-9_-]{10}/g
const wordRest = /[A-Za-z0-9_-]*/y
/** `github_` */
const keySignAt = 6

/** Around a sign that all keys with a prefix have, `sk-` as well as `AKIA`: from the farthest beginning of a prefix to the end of the word. */
export function longWord(text: string, from: number): Stretch | null {
  keySign.lastIndex = from
  const sign = keySign.exec(text)
  if (sign === null) return null
  wordRest.lastIndex = sign.index
  wordRest.exec(text)
  const end = wordRest.lastIndex
  return { start: Math.max(from, sign.index - keySignAt), end, next: end }
}

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

const addressSign = /:[0-9a-fA-F]{0,4}:|\d\.\d{1,3}\./g
const addressRest = /[0-9a-fA-F:.]*/y

/** From the first two colons with up to four digits between them, or two dots: an address begins at most four digits before. */
export function aroundColons(text: string, from: number): Stretch | null {
  addressSign.lastIndex = from
  const sign = addressSign.exec(text)
  if (sign === null) return null
  addressRest.lastIndex = sign.index
  addressRest.exec(text)
  const end = addressRest.lastIndex
  return { start: Math.max(from, sign.index - 4), end, next: end }
}

/** As many digits as the shortest telephone number has, and between two of them what may stand there. */
const digitSign = /\d(?:[ .()-]{0,2}\d){6}/g
const digitRest = /[\d .()+-]*/y

/** Digits, and what groups them, around seven or more. */
export function manyDigits(text: string, from: number): Stretch | null {
  digitSign.lastIndex = from
  const sign = digitSign.exec(text)
  if (sign === null) return null
  digitRest.lastIndex = sign.index
  digitRest.exec(text)
  const end = digitRest.lastIndex
  // `+` or `(`
  return { start: Math.max(from, sign.index - 1), end, next: end }
}
