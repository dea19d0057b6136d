const splitter = 2 ** 27 + 1

/** High and low half of a double, so that products of halves are exact (Veltkamp 1968). */
function split(value: number): readonly [number, number] {
  const scaled = splitter * value
  const high = scaled - (scaled - value)
  return [high, value - high]
}

/** a − n·x with the product's rounding error put back (Dekker 1971): near the mean of a million trials the plain difference keeps no digit of it. */
export function differenceFromProduct(a: number, n: number, x: number): number {
  const product = n * x
  const [nHigh, nLow] = split(n)
  const [xHigh, xLow] = split(x)
  const lost = nHigh * xHigh - product + nHigh * xLow + nLow * xHigh + nLow * xLow
  return a - product - lost
}

/**
 * Deviance a·ln(a/m) + m − a for a, m > 0, given `difference` = a − m apart (Loader 2000, "Fast and accurate computation of binomial
 * probabilities"). Half of a log-likelihood ratio: never negative, and free of the cancellation that the plain formula suffers near a = m.
 */
export function deviance(a: number, m: number, difference: number): number {
  const ratio = difference / (a + m)
  if (Math.abs(ratio) > 0.1) return a * Math.log(a / m) - difference
  const square = ratio * ratio
  let term = 2 * a * ratio
  let sum = difference * ratio
  for (let odd = 3; odd < 60; odd += 2) {
    term *= square
    const next = sum + term / odd
    if (next === sum) return sum
    sum = next
  }
  return sum
}
