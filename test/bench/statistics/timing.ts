/** Wall time of repeated runs, ms. */
export interface Timing {
  readonly medianMs: number
  readonly fastestMs: number
  readonly repetitions: number
}

/** Runs once to warm up and then `repetitions` times. */
export function timed<T>(repetitions: number, run: () => T): { readonly timing: Timing; readonly result: T } {
  let result = run()
  const durations: number[] = []
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const begun = performance.now()
    result = run()
    durations.push(performance.now() - begun)
  }
  durations.sort((a, b) => a - b)
  const medianMs = durations[Math.floor(repetitions / 2)] ?? Number.NaN
  return { timing: { medianMs, fastestMs: durations[0] ?? Number.NaN, repetitions }, result }
}
