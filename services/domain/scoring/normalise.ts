import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** Text as it is compared when case, spacing, Markdown marks and closing punctuation do not matter: NFKC, lower case, single spaces. */
export function normalisedText(text: string): string {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[*_`#>]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  // By hand: a pattern that ends in `$` is tried at every stop of "......" and takes quadratic time on an answer that got stuck.
  let end = plain.length
  while (end > 0 && '.!? '.includes(plain.charAt(end - 1))) end -= 1
  return plain.slice(0, end)
}

/** First 16 hex digits of SHA-256: enough to tell the answers of one exchange apart. */
export function shortHash(text: string): string {
  return sha256Hex(text).slice(0, 16)
}

export function sha256Hex(text: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(text)))
}
