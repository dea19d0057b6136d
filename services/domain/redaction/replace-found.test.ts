import fc from 'fast-check'
import { expect, it } from 'vitest'
import { detectors } from './redactor.ts'
import { type Detector, replaceFound } from './replace-found.ts'

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
]
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(''))
const signed = detectors.filter(({ sign }) => sign !== undefined)

it('finds by its sign what a search for the pattern itself finds', () => {
  expect(signed.map(({ kind }) => kind)).toEqual(['EMAIL', 'IP'])
  const mark = (match: string) => `<${match.length}>`
  for (const detector of signed) {
    // Every match counts, so that none hides behind the validator either.
    const lax: Detector = { ...detector, valid: () => true }
    for (const { sign: _, ...unsigned } of [detector, lax]) {
      const signs = { ...unsigned, ...(detector.sign === undefined ? {} : { sign: detector.sign }) }
      fc.assert(
        fc.property(text, (value) => {
          expect(replaceFound(signs, value, mark)).toBe(replaceFound(unsigned, value, mark))
        }),
        { numRuns: 3_000 },
      )
    }
  }
})
