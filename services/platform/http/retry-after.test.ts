import { describe, expect, it } from 'vitest'
import { parseRetryAfter } from './retry-after.ts'

describe('Retry-After', () => {
  it.each([
    ['3', 3_000],
    ['Thu, 01 Jan 1970 00:00:05 GMT', 4_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', null],
    [undefined, null],
  ])('%s', (header, expected) => {
    expect(parseRetryAfter(header, 1_000)).toBe(expected)
  })
})
