import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerHashes, normalisedText, sha256Hex } from './normalise.ts'

/** The definition, step by step; the code goes over ASCII in one pass. */
function stepByStep(text: string): string {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[*_`#>]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  let end = plain.length
  while (end > 0 && '.!? '.includes(plain.charAt(end - 1))) end -= 1
  return plain.slice(0, end)
}

const marked = fc.string({ unit: fc.constantFrom(...'aB7 \t\n\r\v\f.!?*_`#>-\u0000\u007f'), maxLength: 40 })

/** What NFKC, lower case and spaces make something else of, also beside ASCII: marks and stops of full width, a letter whose case depends on its place, combining accents, odd spaces. */
const changing = fc.string({
  unit: fc.constantFrom(
    ...'aE \n*.!Σ𝚺İß＊＃．…２ﬁ\u0301\u0327\u00a0\u1680\u2003\u2028\u2029\u202f\u3000\ufeff’—é',
    '\u0000',
  ),
  maxLength: 40,
})

const both = { exact: true, normalised: true }

describe('normalised text', () => {
  it.each([
    ['', ''],
    [' ** ', ''],
    ['A _ b', 'a b'],
    ['Stop. ! ?', 'stop'],
    ['a\u001cb', 'a\u001cb'],
    ['$\u001c', '$\u001c'],
    ['ﬁne ２', 'fine 2'],
    ['\ufeffx', 'x'],
  ])('of %j is %j', (text, expected) => {
    expect(normalisedText(text)).toBe(expected)
  })

  it('is what its steps give, for ASCII and for all else, and so is its hash', () => {
    fc.assert(
      fc.property(
        fc.oneof(marked, changing, fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })),
        (text) => {
          expect(normalisedText(text)).toBe(stepByStep(text))
          expect(answerHashes(text, both, sha256Hex)).toEqual({
            exactHash: sha256Hex(text).slice(0, 16),
            normalisedHash: sha256Hex(stepByStep(text)).slice(0, 16),
          })
        },
      ),
      { numRuns: 300 },
    )
  })
  it('is the same of a text that has memory of its own', () => {
    const long = 'Word _and_  word. '.repeat(30_000)
    expect(normalisedText(long)).toBe(stepByStep(long))
    expect(answerHashes(long, both, sha256Hex).exactHash).toBe(sha256Hex(long).slice(0, 16))
  })

  it('is the same of a long text whose first letter beyond ASCII comes late, and of half a surrogate pair', () => {
    for (const text of [`${'Word _and_  word. '.repeat(200)}It’s. …`, 'A \ud800 b’!']) {
      const { normalisedHash } = answerHashes(text, both, sha256Hex)
      expect(normalisedHash).toBe(sha256Hex(stepByStep(text)).slice(0, 16))
    }
  })
})
