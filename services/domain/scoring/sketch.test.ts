import { describe, expect, it } from 'vitest'
import { dissimilarity, sketchOf } from './sketch.ts'
import { vectorSketch } from './vector-sketch.ts'

const words = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `w${from + at}`).join(' ')
const far = (a: string, b: string) => dissimilarity(sketchOf(a), sketchOf(b)) ?? Number.NaN

describe('the distance of two answers', () => {
  it('is 0 for the same but for case, marks and spaces, and about 1 for what has nothing in common', () => {
    expect(far('Yes, **that** is so.', 'yes, that  is so')).toBe(0)
    expect(far('', ' ')).toBe(0)
    expect(far(words(0, 500), words(1_000, 1_500))).toBeGreaterThan(0.95)
    expect(far('yes', 'no')).toBe(1)
  })

  // 998 shingles each, of which 498 or 898 are common.
  it.each([
    [500, 1 - 498 / 1_498],
    [100, 1 - 898 / 1_098],
  ])('is the share of shingles that are not common: shifted by %d words', (shift, expected) => {
    expect(Math.abs(far(words(0, 1_000), words(shift, 1_000 + shift)) - expected)).toBeLessThan(0.2)
  })

  it('sees characters of scripts without spaces', () => {
    const [a, b] = ['今日は天気がいいから散歩しましょう', '今日は天気がいいから散歩しません']
    expect(far(a, b)).toBeGreaterThan(0)
    expect(far(a, b)).toBeLessThan(0.7)
  })

  it('of vectors is 1 − cosine, and is not defined for other shapes', () => {
    const vector = (...numbers: number[]) =>
      vectorSketch([Float32Array.from({ length: 256 }, (_, at) => numbers[at % 2] ?? 0)])
    expect(far(vector(1, 0), vector(1, 0))).toBe(0)
    expect(Math.abs(far(vector(1, 0), vector(1, 1)) - (1 - Math.SQRT1_2))).toBeLessThan(0.15)
    expect(far(vector(1, 0), vector(-1, 0))).toBe(1)
    expect(dissimilarity(sketchOf(vector(1, 0)), sketchOf('text'))).toBeNull()
    expect(dissimilarity(sketchOf(vector(1, 0)), sketchOf(vectorSketch([new Float32Array(3)])))).toBeNull()
  })
})
