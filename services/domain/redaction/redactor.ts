/** Replaces what identifies or unlocks by stable pseudonyms; counts what it found by kind. */
export type Redactor = (text: string) => { readonly text: string; readonly counts: Readonly<Record<string, number>> }

interface Detector {
  readonly kind: string
  readonly pattern: RegExp
  /** Confirms a match, so that ordinary numbers and words stay. */
  valid(match: string): boolean
}

/** Every pattern is linear: no nested repetition, bounded lengths. */
const detectors: readonly Detector[] = [
  {
    kind: 'KEY',
    pattern:
      /\b(?:sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{16,200}|AKIA[0-9A-Z]{16}|gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|xox[abprs]-[A-Za-z0-9-]{10,200}|AIza[A-Za-z0-9_-]{35}|glpat-[A-Za-z0-9_-]{20,64})\b/g,
    valid: () => true,
  },
  {
    kind: 'EMAIL',
    pattern:
      /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/gu,
    valid: (match) => !match.includes('..'),
  },
  {
    kind: 'CARD',
    pattern: /(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-]\d|\d)/g,
    valid: (match) => isCard(match.replaceAll(/[ -]/g, '')),
  },
  {
    kind: 'PHONE',
    pattern:
      /(?<![\w+.-])(?:\+\d(?:[ .()-]{0,2}\d){6,14}|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w-]|\.\d)/g,
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
    for (const { kind, pattern, valid } of detectors) {
      result = result.replaceAll(pattern, (match) => {
        if (!valid(match)) return match
        counts[kind] = (counts[kind] ?? 0) + 1
        return `<${kind}_${options.pseudonym(kind, match)}>`
      })
    }
    return { text: result, counts }
  }
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
