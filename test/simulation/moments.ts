/** Mean and sum of squared deviations, one value at a time (Welford). */
export interface Moments {
  n: number
  mean: number
  squares: number
}

export function emptyMoments(): Moments {
  return { n: 0, mean: 0, squares: 0 }
}

export function addMoment(moments: Moments, value: number): void {
  moments.n += 1
  const difference = value - moments.mean
  moments.mean += difference / moments.n
  moments.squares += difference * (value - moments.mean)
}
