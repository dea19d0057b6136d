import type { Stretch } from './replace-found.ts'

const isWord = new Uint8Array(128)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-') isWord[char.charCodeAt(0)] = 1

/** The shortest of the keys that have a prefix: `xoxb-` and ten more. */
const keyMin = 15
/** In UTF-16 units: 64 characters of two. */
const localPartMax = 128
/** More than eight labels of 63 characters of two units, their dots and the last label. */
const domainMax = 1_100

/**
 * A run of letters, digits, `_` and `-` that is long enough for a key. Words are short: of most only one letter is looked at, or a few, since where no
 * run ends there is no need to look at what lies before.
 */
export function longWord(text: string, from: number): Stretch | null {
  for (let start = from; start + keyMin <= text.length; ) {
    let foreign = start + keyMin - 1
    while (foreign >= start && isWord[text.charCodeAt(foreign)] === 1) foreign -= 1
    if (foreign < start) {
      let end = start + keyMin
      while (isWord[text.charCodeAt(end)] === 1) end += 1
      return { start, end, next: end }
    }
    start = foreign + 1
  }
  return null
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
