import { type Detector, replaceFound } from './replace-found.ts'
import { aroundAt, aroundColons, behindBrace, longWord, manyDigits } from './stretches.ts'
import { isAddress, isCard, isIban } from './validators.ts'

/** Replaces what identifies or unlocks by stable pseudonyms; counts what it found by kind. */
export type Redactor = (text: string) => { readonly text: string; readonly counts: Readonly<Record<string, number>> }

/**
 * Right behind an escape as JSON and source code write it (`\n`, `\u003c`), a value begins as behind the character that is meant: texts that are cut
 * off or quoted are no documents that could be read.
 */
const behindEscape = String.raw`(?<=\\(?:[bfnrt]|u[0-9a-fA-F]{4}))`
/** What follows begins here: not `not`, or an escape. */
const begins = (not: string) => `(?:(?<!${not})|${behindEscape})`

/** Bodies of private keys: base64, headers and line ends, escaped or not; a key that is cut off has no end. */
const pem = String.raw`-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?:[A-Za-z0-9+/=\s\\:,]|-(?!----))*(?:-----END [A-Z0-9 ]{0,60}-----)?`
/** Prefixes under which providers give out keys. */
const prefixed = [
  'sk-[A-Za-z0-9_-]{16,}',
  '[rs]k_(?:live|test)_[A-Za-z0-9]{16,}',
  '(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])',
  'gh[opsur]_[A-Za-z0-9]{36,}',
  'github_pat_[A-Za-z0-9_]{22,}',
  'xox[abeprs]-[A-Za-z0-9-]{10,}',
  'xapp-[A-Za-z0-9-]{10,}',
  'AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_])',
  'glpat-[A-Za-z0-9_-]{20,}',
  'hf_[A-Za-z0-9]{30,}',
  'npm_[A-Za-z0-9]{36}',
].join('|')
const jwt = String.raw`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`
/** Where an address cannot begin: an apostrophe, and the letters of an escape. */
const insideEscape = String.raw`(?<!\\(?=[bfnrtu])|\\u[0-9a-fA-F]{0,3})`
// No letters of scripts that write without spaces: there the words before an address would be taken for a part of it.
const email = String.raw`[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}._%+'-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])`
const card = String.raw`(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}|\d{4}([ -])\d{6}\2\d{4,5})(?!\w|[.-]\d)`
/** ISO 13616: country, check digits, and 11 to 30 more characters, in one run or in groups of four. */
const iban = String.raw`[A-Za-z]{2}\d{2}(?:[A-Za-z0-9]{11,30}|(?: [A-Za-z0-9]{4}){2,7}(?: [A-Za-z0-9]{1,4})?)(?![A-Za-z0-9])`
/** Four numbers, or groups of hexadecimal digits that two colons may shorten; one that an IPv4 address ends holds that, too. */
const address = String.raw`(?:(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4})|\d{1,3}(?:\.\d{1,3}){3})(?![\w:]|\.\d)`
const phone = String.raw`(?:\+[1-9](?:[ .()-]{0,2}\d){6,14}|\(\d{3}\) ?\d{3}[ .-]\d{4}|[2-9]\d{2}([.-])\d{3}\1\d{4})(?!\w|[.-]\d)`

function asWritten(match: string): string {
  return match
}

function digitsOf(match: string): string {
  return match.replaceAll(/\D/g, '')
}

function withoutSpaces(match: string): string {
  return match.replaceAll(' ', '')
}

/** Every pattern is linear: no nested repetition without a separator between the rounds, and bounded lengths where a match may still fail. */
export const detectors: readonly Detector[] = [
  { kind: 'KEY', pattern: new RegExp(pem, 'g'), valid: () => true, canonical: asWritten },
  {
    kind: 'KEY',
    pattern: new RegExp(begins('[A-Za-z0-9_-]') + jwt, 'g'),
    valid: () => true,
    canonical: asWritten,
    stretch: behindBrace,
  },
  {
    kind: 'KEY',
    pattern: new RegExp(`${begins('[A-Za-z0-9]')}(?:${prefixed})`, 'g'),
    // Words joined by hyphens ("sk-learn-pipelines-explained") have neither digits nor capitals; one random key in a million has neither.
    valid: (match) => /[0-9A-Z]/.test(match),
    canonical: asWritten,
    stretch: longWord,
  },
  {
    kind: 'EMAIL',
    pattern: new RegExp(`(?!')${insideEscape}${email}`, 'gu'),
    valid: (match) => !/\.\.|[@.-]\.|\.@/.test(match),
    canonical: (match) => match.toLowerCase(),
    stretch: aroundAt,
  },
  {
    kind: 'IBAN',
    pattern: new RegExp(begins('[A-Za-z0-9]') + iban, 'g'),
    valid: (match) => isIban(withoutSpaces(match)),
    canonical: (match) => withoutSpaces(match).toUpperCase(),
  },
  {
    kind: 'IP',
    pattern: new RegExp(begins(String.raw`[\w:]|\d\.`) + address, 'g'),
    valid: isAddress,
    canonical: (match) => match.toLowerCase(),
    stretch: aroundColons,
  },
  {
    kind: 'CARD',
    pattern: new RegExp(begins(String.raw`\w|\d[.-]`) + card, 'g'),
    valid: (match) => isCard(match.replaceAll(/[ -]/g, '')),
    canonical: digitsOf,
    overlapping: true,
    stretch: manyDigits,
  },
  {
    kind: 'PHONE',
    pattern: new RegExp(begins(String.raw`[\w+.-]`) + phone, 'g'),
    valid: (match) => {
      const digits = digitsOf(match).length
      return digits >= 7 && digits <= 15
    },
    canonical: digitsOf,
    stretch: manyDigits,
  },
]

/** @param options.pseudonym a keyed digest of kind and value; the same value gets the same mark in prompt and answer */
export function createRedactor(options: { pseudonym(kind: string, value: string): string }): Redactor {
  return (text) => {
    const counts: Record<string, number> = {}
    let result = text
    for (const detector of detectors) {
      result = replaceFound(detector, result, (match) => {
        counts[detector.kind] = (counts[detector.kind] ?? 0) + 1
        return `<${detector.kind}_${options.pseudonym(detector.kind, detector.canonical(match))}>`
      })
    }
    return { text: result, counts }
  }
}
