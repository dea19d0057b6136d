/** Replaces what identifies or unlocks by stable pseudonyms; counts what it found by kind. */
export type Redactor = (text: string) => { readonly text: string; readonly counts: Readonly<Record<string, number>> }

interface Detector {
  readonly kind: string
  readonly pattern: RegExp
  /** Confirms a match, so that ordinary numbers and words stay. */
  valid(match: string): boolean
  /** Whether a valid match may begin within an invalid one: digits of a phone number before those of a card. Only for patterns of bounded length. */
  readonly overlapping?: boolean
}

/** Every pattern is linear: no nested repetition without a separator between the rounds, and bounded lengths where a match may still fail. */
const detectors: readonly Detector[] = [
  {
    kind: 'KEY',
    pattern:
      /(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{16,}|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])|gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|xox[abeprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_])|glpat-[A-Za-z0-9_-]{20,})/g,
    // Words joined by hyphens ("sk-learn-pipelines-explained") have neither digits nor capitals; one random key in a million has neither.
    valid: (match) => /[0-9A-Z]/.test(match),
  },
  {
    kind: 'EMAIL',
    // No letters of scripts that write without spaces: there the words before an address would be taken for a part of it.
    pattern:
      /(?!')[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}._%+'-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/gu,
    valid: (match) => !/\.\.|[@.-]\.|\.@/.test(match),
  },
  {
    kind: 'CARD',
    pattern: /(?<!\w|\d[.-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}|\d{4}([ -])\d{6}\2\d{4,5})(?!\w|[.-]\d)/g,
    valid: (match) => isCard(match.replaceAll(/[ -]/g, '')),
    overlapping: true,
  },
  {
    kind: 'PHONE',
    pattern:
      /(?<![\w+.-])(?:\+[1-9](?:[ .()-]{0,2}\d){6,14}|\(\d{3}\) ?\d{3}[ .-]\d{4}|[2-9]\d{2}([.-])\d{3}\1\d{4})(?!\w|[.-]\d)/g,
    valid: (match) => {
      const digits = match.replaceAll(/\D/g, '').length
      return digits >= 7 && digits <= 15
    },
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
        return `<${detector.kind}_${options.pseudonym(detector.kind, match)}>`
      })
    }
    return { text: result, counts }
  }
}

function replaceFound(
  { pattern, valid, overlapping }: Detector,
  text: string,
  mark: (match: string) => string,
): string {
  let result = ''
  let copied = 0
  pattern.lastIndex = 0
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    if (valid(found[0])) {
      result += text.slice(copied, found.index) + mark(found[0])
      copied = found.index + found[0].length
    } else if (overlapping === true) pattern.lastIndex = found.index + 1
  }
  return result + text.slice(copied)
}

/** 13 to 19 digits of a known issuer that pass Luhn's check (ISO/IEC 7812). */
function isCard(digits: string): boolean {
  if (
    digits.length < 13 ||
    digits.length > 19 ||
    !/^(?:4|5[1-5]|2[2-7]|3[4-7]|6)/.test(digits) ||
    /^(\d)\1+$/.test(digits)
  )
    return false
  let sum = 0
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index])
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
