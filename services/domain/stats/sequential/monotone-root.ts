/**
 * Where a continuous function passes `level` between `outside`, where it lies above, and `inside`, where it lies below or at it: bisection to the
 * last digit. Returns `outside` when the function is not above there either.
 */
export function rootOf(at: (x: number) => number, level: number, outside: number, inside: number): number {
  if (!(at(outside) > level)) return outside
  let above = outside
  let below = inside
  for (let step = 0; step < 2_100; step += 1) {
    const middle = (above + below) / 2
    if (middle === above || middle === below) break
    if (at(middle) > level) above = middle
    else below = middle
  }
  return (above + below) / 2
}
