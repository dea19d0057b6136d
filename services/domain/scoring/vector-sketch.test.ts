import { describe, expect, it } from 'vitest'
import { parseVectorSketch, vectorSketch } from './vector-sketch.ts'

/** Differing bits of two sketches. */
function distance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  const [x, y] = [a, b].map((vectors) => parseVectorSketch(vectorSketch(vectors))?.signs ?? '')
  let bits = 0
  for (let at = 0; at < (x?.length ?? 0); at += 1) {
    let differ = Number.parseInt(x?.[at] ?? '0', 16) ^ Number.parseInt(y?.[at] ?? '0', 16)
    for (; differ > 0; differ >>= 1) bits += differ & 1
  }
  return bits
}

const vector = (angle: number) =>
  Float32Array.from({ length: 512 }, (_, at) => (at % 2 === 0 ? Math.cos(angle) : Math.sin(angle)) * (1 + (at % 7)))

describe('the sketch of vectors', () => {
  it.each([0, 0.3, 0.8, 1.2])('differs in a share of bits that is the angle: %d', (angle) => {
    // The angle between the two, from the vectors themselves.
    const [a, b] = [vector(0.2), vector(0.2 + angle)]
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, at) => sum + value * (y[at] ?? 0), 0)
    const between = Math.acos(Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))))
    expect(Math.abs(distance([a], [b]) / 256 - between / Math.PI)).toBeLessThan(0.1)
  })

  it('says how many there are and how long, and is the same for the same', () => {
    const text = vectorSketch([vector(1), vector(2)])
    expect(text).toBe(vectorSketch([vector(1), vector(2)]))
    expect(parseVectorSketch(text)?.shape).toBe('2x512')
    expect(parseVectorSketch(`${text} and more`)).toBeNull()
    expect(parseVectorSketch(vectorSketch([]))?.shape).toBe('0x0')
  })
})
