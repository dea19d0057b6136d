import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redactDocument } from './redact-document.ts'
import { createRedactor } from './redactor.ts'

const redact = createRedactor({ pseudonym: (kind, value) => `${kind.length}${value.length.toString(16)}ab` })

// Put together from parts, so that no scanner takes this file for a leak.
const secrets: readonly (readonly [kind: string, value: string])[] = [
  ['EMAIL', 'ada.lovelace+test@example.co.uk'],
  ['EMAIL', 'jürgen@bücher.example'],
  ['EMAIL', "o'neil@mail.example.com"],
  ['PHONE', '+44 20 7946 0958'],
  ['PHONE', '+49 (30) 1234-5678'],
  ['PHONE', '+14155550123'],
  ['PHONE', '(415) 555-0123'],
  ['PHONE', '415-555-0123'],
  ['CARD', '4111 1111 1111 1111'],
  ['CARD', '4111111111111111'],
  ['CARD', '5500-0000-0000-0004'],
  ['CARD', '3782 822463 10005'],
  ['IBAN', 'DE89 3704 0044 0532 0130 00'],
  ['IBAN', 'GB82WEST12345698765432'],
  ['IBAN', 'NO9386011117947'],
  ['IBAN', 'nl91abna0417164300'],
  ['IP', '203.0.113.77'],
  ['IP', '198.51.100.7'],
  ['IP', '2001:db8::8a2e:370:7334'],
  ['IP', '2001:0db8:85a3:0000:0000:8a2e:0370:7334'],
  ['IP', 'fe80::1'],
  ['IP', '2001:db8::192.0.2.33'],
  ['KEY', `sk-${'a1B2'.repeat(12)}`],
  ['KEY', `sk-ant-api03-${'x9_Y-'.repeat(20)}`],
  ['KEY', `sk-proj-${'Zz0'.repeat(100)}`],
  ['KEY', `AKIA${'IOSFODNN7EXAMPLE'}`],
  ['KEY', `ghp_${'a1'.repeat(18)}`],
  ['KEY', `gho_${'B2'.repeat(18)}`],
  ['KEY', `xoxb-${'123456789012-abcDEF'}`],
  ['KEY', `AIza${'SyA-1234567890_abcdefghijklmnopqrst'}`],
  ['KEY', `glpat-${'abcDEF1234567890_-xy'}`],
  ['KEY', `sk_live_${'a1B2'.repeat(6)}`],
  ['KEY', `hf_${'aB3'.repeat(12)}`],
  ['KEY', `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJ${'zdWIiOiIxMjM0NTY3ODkwIn0'}.${'dozjgNryP4J3jVmNHl0w'}`],
  ['KEY', `eyJ${'hbGciOiJub25lIn0'}.eyJ${'zdWIiOiIxMjM0NTY3ODkwIn0'}.`],
  ['KEY', `-----BEGIN ${'PRIVATE KEY'}-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASC+/==\n-----END ${'PRIVATE KEY'}-----`],
  [
    'KEY',
    `-----BEGIN RSA ${'PRIVATE KEY'}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0F\n\nMIIE\n-----END RSA ${'PRIVATE KEY'}-----`,
  ],
]

const ordinary = [
  'between 4600 and 4606',
  'version 1.2.3.4 of 2026-11-24 at 13:06:50',
  'Is 17077 a prime number?',
  'On 2023-06-13 at 12:34:56.789 version 10.15.7 was released.',
  '3.14159265358979323846 and 1234567890123456',
  'exchange 0af7651916cd43dd8448eb211c80319c, uuid 123e4567-e89b-12d3-a456-426614174000',
  '4111 1111 1111 1112 fails the check; 0000 0000 0000 0000 passes it and is nobody’s',
  'sk-learn-pipelines-explained, risk-assessment-of-a-portfolio',
  'a @ b, user@localhost, @decorator, x@y',
  '1 + 2345678 = 2345679; 5 +12 +13; 555-0123',
  'ISBN 978-3-16-148410-0, ISSN 2049-3630',
  '192.168.100.200, 10.0.1.40, 172.16.0.30, 169.254.10.1: private ones are the same in every house',
  '127.0.0.1, 0.0.0.0, 255.255.255.0, 256.1.1.10, 01.02.03.04, 1.2.3.4.5',
  'DE89 3704 0044 0532 0130 01 fails the check, as GB82WEST12345698765433 and ZZ82WEST12345698765432 do',
  'std::vector, a::b, Bad::Face, 12:34:56, 00:1a:2b:3c:4d:5e, ::1, 1:2:3:4:5:6:7:8, 2001:db8::1::2, 2001:db8:1:2',
  'gpt-4o-2024-08-06, gpt-4-0314, claude-3-5-sonnet-20241022, o3-mini-2025-01-31, text-embedding-3-large',
  'llama-3.1-405b-instruct, mistral-large-2411, gemini-1.5-pro-002, ft:gpt-3.5-turbo-0125:org::9aBcDeFg',
  '-----BEGIN CERTIFICATE----- and -----BEGIN PUBLIC KEY----- are no secrets; eyJ is how one begins',
  'C:\\new\\readme.txt and a regular expression \\d{4}-\\d{4}',
]

/** Texts that quote JSON or source code, cut off so that nobody can read them as documents. */
const escaped = ['\\n', '\\t', '\\r', '\\u003c', '\\u000a']

describe('redactor', () => {
  it.each(secrets)('finds %s in %s', (kind, value) => {
    const { text, counts } = redact(`before ${value}, after`)
    expect(text).toMatch(new RegExp(`^before <${kind}_[0-9a-f]+ab>, after$`))
    expect(counts).toEqual({ [kind]: 1 })
  })

  it.each(ordinary)('leaves %s as it is', (text) => {
    expect(redact(text)).toEqual({ text, counts: {} })
  })

  it.each(escaped)(
    'sees where a value begins behind the escape %s, and gives it the same mark as elsewhere',
    (marker) => {
      for (const [kind, value] of secrets) {
        const mark = redact(`before ${value}`).text.slice('before '.length)
        expect(redact(`{"cut off": "x${marker}${value}, after`)).toEqual({
          text: `{"cut off": "x${marker}${mark}, after`,
          counts: { [kind]: 1 },
        })
      }
    },
  )

  it('takes a private key that is cut off, and no more than the key where it ends', () => {
    const begin = `-----BEGIN ${'PRIVATE KEY'}-----`
    expect(redact(`${begin}\nMIIEvQIBADANBgkqhkiG9w0`).text).toMatch(/^<KEY_\w+>$/)
    expect(redact(`${begin}\\nMIIE\\n-----END ${'PRIVATE KEY'}----- and more`).text).toMatch(/^<KEY_\w+> and more$/)
  })

  it('gives one value one mark, in whatever text', () => {
    const [first, second] = ['mail a@example.com', '<a@example.com> again'].map((text) => redact(text).text)
    expect(first?.slice(5)).toBe(second?.slice(1, -7))
  })

  it('gives one value one mark however it is written', () => {
    const marking = createRedactor({ pseudonym: (kind, value) => `${kind}:${value}` })
    for (const forms of [
      ['DE89 3704 0044 0532 0130 00', 'de89370400440532013000'],
      ['4111 1111 1111 1111', '4111-1111-1111-1111', '4111111111111111'],
      ['+49 (30) 1234-5678', '+49 30 12345678'],
      ['Ada@Example.com', 'ada@example.com'],
      ['2001:DB8::1:2', '2001:db8::1:2'],
    ])
      expect(new Set(forms.map((form) => marking(form).text)).size).toBe(1)
  })

  it('lets no secret survive, whatever stands around it', () => {
    // What cannot be part of a longer value of the same kind: punctuation, spaces, words of other scripts.
    const around = fc.string({
      unit: fc.constantFrom(' ', '\n', ',', ';', '(', ')', '"', '中', '😀', '—'),
      maxLength: 8,
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(around, fc.constantFrom(...secrets), around), { minLength: 1, maxLength: 6 }),
        (parts) => {
          const text = parts.map(([before, [, value], after]) => `${before} ${value},${after}`).join('')
          const result = redact(text)
          for (const [, [, value]] of parts) expect(result.text).not.toContain(value)
        },
      ),
    )
  })

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...secrets.map(([, value]) => value)), fc.string()), { maxLength: 8 }),
        (parts) => {
          const once = redact(parts.join(' ')).text
          expect(redact(once).text).toBe(once)
        },
      ),
    )
  })

  it.each([
    ['a'.repeat(300_000)],
    ['a.'.repeat(150_000)],
    [`a@${'a.'.repeat(150_000)}`],
    ['1 '.repeat(150_000)],
    ['+1'.repeat(150_000)],
    ['4111 '.repeat(60_000)],
    ['sk-'.repeat(100_000)],
    [`sk-${'-'.repeat(300_000)}`],
    ['@'.repeat(300_000)],
    [`-----BEGIN ${'PRIVATE KEY'}-----`.repeat(10_000)],
    [`-----BEGIN ${'PRIVATE KEY'}-----${'-'.repeat(300_000)}`],
    ['DE89 '.repeat(60_000)],
    ['AB12CDEF'.repeat(40_000)],
    ['1.'.repeat(150_000)],
    ['a:'.repeat(150_000)],
    ['::'.repeat(150_000)],
    ['eyJ'.repeat(100_000)],
    ['-eyJabcdefgh.'.repeat(25_000)],
    ['\\\\n'.repeat(150_000)],
    ['\\\\u003c'.repeat(50_000)],
  ])('takes time in proportion to the text, case %#', (text) => {
    // A quadratic pattern would need minutes here and run into the test's own time limit.
    expect(typeof redact(text).text).toBe('string')
  })
})

describe('recorded answers', () => {
  const folder = join(import.meta.dirname, '../../../scripts/demo/recordings')
  const files = readdirSync(folder).filter((name) => name.endsWith('.gz'))

  it('hold the addresses that models make up and nothing else that is taken for a secret', () => {
    const found: string[] = []
    const listing = createRedactor({ pseudonym: (kind, value) => `${found.push(`${kind} ${value}`)}` })
    const lines = files.flatMap((name) =>
      gunzipSync(readFileSync(join(folder, name)))
        .toString('utf8')
        .split('\n'),
    )
    expect(lines.length).toBeGreaterThan(1_500)
    for (const line of lines) redactDocument(listing, line)
    expect(found.filter((value) => !/^EMAIL [a-z0-9._]+@(example|company)\.[a-z.]+$/.test(value))).toEqual([
      'PHONE 2054221680',
    ])
    expect(found).toHaveLength(21)
  })
})

describe('redactDocument', () => {
  it('sees where a value begins behind an escape, and leaves valid JSON', () => {
    const body = JSON.stringify({
      messages: [{ role: 'user', content: 'call\n+14155550123\nor\tb@example.com' }],
      max_tokens: 5,
    })
    const { text, counts } = redactDocument(redact, body)
    expect(counts).toEqual({ PHONE: 1, EMAIL: 1 })
    expect(JSON.parse(text)).toMatchObject({
      max_tokens: 5,
      messages: [{ content: expect.stringMatching(/^call\n<PHONE_\w+>\nor\t<EMAIL_\w+>$/) }],
    })
  })

  it('reads JSON within JSON, keys and numbers', () => {
    const body = JSON.stringify({
      arguments: JSON.stringify({ to: 'x\nc@example.com' }),
      'd@example.com': 4111111111111111,
    })
    const { text, counts } = redactDocument(redact, body)
    expect(counts).toEqual({ EMAIL: 2, CARD: 1 })
    expect(text).not.toMatch(/example\.com|4111/)
  })

  it('reads every digit of long numbers, and keeps those that are no cards as they were written', () => {
    // 19 digits that pass the check; as a double the last ones would be others.
    const card = '6212345678901234569'
    const { text, counts } = redactDocument(redact, `{"card": ${card}, "id": 12345678901234567890, "n": 1.50}`)
    expect(counts).toEqual({ CARD: 1 })
    expect(text).toMatch(/^\{"card":"<CARD_\w+>","id":12345678901234567890,"n":1\.5\}$/)
    for (let before = 0; before < 20; before += 1) {
      const document = `{"email": "f@example.com",${' '.repeat(before)}"id": 1234567890123456789}`
      expect(redactDocument(redact, document).text).toContain('"id":1234567890123456789}')
    }
  })

  it('keeps the exact form of what holds nothing, of broken JSON and of plain text', () => {
    for (const text of ['{ "a" : 1.0 }', '[Yes]', '{"a": ', '', '"x"'])
      expect(redactDocument(redact, text)).toEqual({ text, counts: {} })
    expect(redactDocument(redact, '{"cut": "e@example.com').text).toMatch(/^\{"cut": "<EMAIL_\w+>$/)
  })

  it('bears documents of any depth', () => {
    const deep = `${'['.repeat(5_000)}"f@example.com"${']'.repeat(5_000)}`
    expect(redactDocument(redact, deep).text).not.toContain('example.com')
  })
})
