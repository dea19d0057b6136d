/** 13 to 19 digits of a known issuer that pass Luhn's check (ISO/IEC 7812). */
export function isCard(digits: string): boolean {
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

/** Countries of the IBAN registry whose accounts people have, with the length that theirs have. */
const ibanLengths: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 ' +
    'GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 ' +
    'PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** An account number without spaces of the length of its country that passes the check of ISO 13616: as a number, letters from A = 10, it is 1 modulo 97. */
export function isIban(text: string): boolean {
  const upper = text.toUpperCase()
  if (ibanLengths[upper.slice(0, 2)] !== upper.length) return false
  const digits = [...`${upper.slice(4)}${upper.slice(0, 4)}`]
    .map((character) => Number.parseInt(character, 36))
    .join('')
  let remainder = 0
  for (const digit of digits) remainder = (remainder * 10 + Number(digit)) % 97
  return remainder === 1
}

/**
 * An address of IPv4 or IPv6 that may be somebody's. Not one of nobody: masks, the unspecified address, loopback, private IPv4 (RFC 1918, RFC 3927:
 * the same in every house, and in every tutorial), and four numbers of one digit each, which are nearly always a version or a section. Private IPv6
 * is somebody's: it holds random or hardware digits.
 */
export function isAddress(text: string): boolean {
  return text.includes(':') ? isIpv6(text) : isIpv4(text)
}

const nobodys = /^(?:0|10|127|255|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01]))\./

function isIpv4(text: string): boolean {
  const parts = text.split('.')
  if (!parts.every((part) => Number(part) <= 255 && String(Number(part)) === part)) return false
  return !nobodys.test(text) && parts.some((part) => part.length > 1)
}

const groupsMax = 8
/** Global, unique local and link-local addresses (RFC 4291, RFC 4193): what begins otherwise is rather a time, a MAC address or source code. */
const assigned = /^(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):/i

function isIpv6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2 || !assigned.test(text)) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const tail = groups.at(-1) ?? ''
  const isMixed = tail.includes('.')
  if (isMixed && !tail.split('.').every((part) => Number(part) <= 255)) return false
  if (groups.some((group) => group === '')) return false
  const count = groups.length + (isMixed ? 1 : 0)
  return halves.length === 2 ? count < groupsMax : count === groupsMax
}
