import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRedactor } from './redactor.ts'

const redact = createRedactor({ pseudonym: (kind, value) => `${kind.length}${value.length}` })

describe('redaction', () => {
  it.each([
    ['mail me at ann.lee+x@mail.example.org now', 'EMAIL'],
    ['call +49 (30) 1234-5678 today', 'PHONE'],
    ['call 415-555-0132', 'PHONE'],
    ['card 4111 1111 1111 1111.', 'CARD'],
    ['card 378282246310005', 'CARD'],
    ['key sk-proj-abcdefghij1234567890', 'KEY'],
    ['AKIAIOSFODNN7EXAMPLE', 'KEY'],
    ['ghp_0123456789abcdefghijABCDEFGHIJ012345', 'KEY'],
  ])('hides what is in %s', (text, kind) => {
    const { text: shown, counts } = redact(text)
    expect(counts).toEqual({ [kind]: 1 })
    expect(shown).toContain(`<${kind}_`)
  })

  it.each([
    'Is 17077 a prime number?',
    'between 4600 and 4606',
    '4111 1111 1111 1112 fails the check',
    'version 1.2.3.4 of 2026-11-24 at 13:06:50',
    'a@b and sk-short',
    '0000000000000000',
  ])('leaves %s alone', (text) => {
    expect(redact(text)).toEqual({ text, counts: {} })
  })

  it('is stable, and what it has written it does not find again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.emailAddress(), fc.lorem(), fc.constant('+14155550132')), { maxLength: 6 }),
        (parts) => {
          const once = redact(parts.join(' '))
          expect(redact(parts.join(' '))).toEqual(once)
          expect(redact(once.text).text).toBe(once.text)
        },
      ),
    )
  })
})
