/** Uniform numbers in [0, 1). */
export type Draw = () => number

/** Uniform numbers from a seed (xorshift128, Marsaglia 2003): the same run for the same seed on every machine. */
export function uniforms(seed: number): Draw {
  let x = 123_456_789 ^ seed
  let y = 362_436_069 ^ (seed * 747_796_405)
  let z = 521_288_629
  let w = 88_675_123
  const next = () => {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    return (w >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 20; i += 1) next()
  return next
}

/** Standard normal (Box and Muller). */
export function normal(uniform: Draw): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** A state that forgets slowly: AR(1) with this stationary deviation, one step a call. */
export function autoregression(uniform: Draw, memory: number, deviation: number): () => number {
  let state = deviation * normal(uniform)
  const shock = deviation * Math.sqrt(1 - memory * memory)
  return () => {
    state = memory * state + shock * normal(uniform)
    return state
  }
}

/** Failures before the next success of trials at `p`: cheap where successes are rare. */
export function gapBefore(uniform: Draw, p: number): number {
  return Math.floor(Math.log(1 - uniform()) / Math.log1p(-p))
}
