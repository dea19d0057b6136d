import fc from 'fast-check'
import { expect, it } from 'vitest'
import { detectors } from './redactor.ts'
import { replaceFound } from './replace-found.ts'

const pieces = [
  ...[
    'a',
    'ab.c',
    'Zoë',
    'ж',
    'ﬁ',
    '𝟎',
    '中',
    "o'n",
    "'",
    '%',
    '+',
    '_',
    '-',
    '.',
    '..',
    '@',
    '@@',
    ' ',
    '\n',
    '\\n',
    '\\u003c',
    '\\',
    '<',
  ],
  ...[
    'ann@example.com',
    'x@y',
    'a'.repeat(70),
    '0',
    '12',
    '255',
    '1.2.3.4',
    '192.0.2.33',
    '203.0.113',
    ':',
    '::',
    ':1',
    'fe80',
    'db8:',
    '2001:',
  ],
  ...[
    '12:30:45',
    '8.8.8.8',
    'v1.2.3',
    'a:b:c',
    '::ffff:192.0.2.128',
    '1::',
    '/',
    '4111 1111 1111 1111',
    '+49 30 1234567',
  ],
  ...['sk-', 'sk_live_', 'xoxb-', 'xapp-', 'AKIA', 'ghp_', 'hf_', 'aB3', 'A1b2C3d4E5', 'x'.repeat(16)],
  ...[
    '4111',
    '1111',
    '4111111111111111',
    '3782 822463 10005',
    '+',
    '(',
    ')',
    '(415) 555-0123',
    '415.555.0123',
    '2',
    '   ',
    '5500-0000-0000-0004',
  ],
  ...['eyJ', 'eyJhbGciOiJI', '.eyJzdWIiOiIx', '.', '_-aZ9', '\\u003c', '{"'],
]
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(''))
const stretched = detectors.filter(({ stretch }) => stretch !== undefined)

it('finds in stretches what a search of the whole text finds', () => {
  expect(stretched.map(({ kind }) => kind)).toEqual(['KEY', 'KEY', 'EMAIL', 'IP', 'CARD', 'PHONE'])
  const mark = (match: string) => `<${match.length}>`
  for (const detector of stretched) {
    // Of the lax one every match counts, so that none hides behind the validator.
    for (const here of [detector, { ...detector, valid: () => true }]) {
      const { stretch: _, ...everywhere } = here
      fc.assert(
        fc.property(text, (value) => {
          expect(replaceFound(here, value, mark)).toBe(replaceFound(everywhere, value, mark))
        }),
        { numRuns: 2_000 },
      )
    }
  }
})
