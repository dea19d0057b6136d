import murmurhash from 'murmurhash'
import { describe, expect, it } from 'vitest'

/**
 * MurmurHash3_x86_32 as its author's implementation computes it. Sticky buckets are a public contract: a router in another language must put
 * the same unit in the same bucket, so the package has to agree with everybody else's, on text outside ASCII as well (UTF-8 bytes).
 * Vectors: https://stackoverflow.com/a/31929528, which took them from the author's own test program (SMHasher).
 */
const bytesVectors: readonly (readonly [hex: string, seed: number, hash: number])[] = [
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['ffffffff', 0, 0x76293b50],
  ['21436587', 0, 0xf55b516b],
  ['21436587', 0x5082edee, 0x2362f9de],
  ['214365', 0, 0x7e4a8634],
  ['2143', 0, 0xa0f7b07a],
  ['21', 0, 0x72661cf4],
  ['00000000', 0, 0x2362f9de],
  ['000000', 0, 0x85f0b427],
  ['0000', 0, 0x30f4c306],
  ['00', 0, 0x514e28b7],
]

const textVectors: readonly (readonly [text: string, seed: number, hash: number])[] = [
  ['', 0, 0],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['aa', 0x9747b28c, 0x5d211726],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['abcd', 0x9747b28c, 0xf0478627],
  ['abc', 0x9747b28c, 0xc84a62dd],
  ['ab', 0x9747b28c, 0x74875592],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ['a'.repeat(256), 0x9747b28c, 0x37405bdc],
  ['abc', 0, 0xb3dd93fa],
  ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', 0, 0xee925b90],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
]

describe('murmurhash v3', () => {
  it.each(bytesVectors)('bytes %s with seed %i', (hex, seed, hash) => {
    expect(murmurhash.v3(Uint8Array.from(Buffer.from(hex, 'hex')), seed)).toBe(hash)
  })

  it.each(textVectors)('text %j with seed %i', (text, seed, hash) => {
    expect(murmurhash.v3(text, seed)).toBe(hash)
  })
})
