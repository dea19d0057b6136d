import { expect, it } from 'vitest'
import { sha256Hex } from '../domain/scoring/normalise.ts'
import { nativeSha256 } from './native-sha256.ts'

it.each(['', 'abc', 'naïve 😀', 'a lone \ud800 surrogate', '\u0000\ufeff'])('hashes %j as the domain does', (text) => {
  expect(nativeSha256(text)).toBe(sha256Hex(text))
  expect(nativeSha256(new TextEncoder().encode(text))).toBe(sha256Hex(text))
})
