/** Wall and processor time of repeated runs, ms. On a machine that others use the two differ. */
export interface Timing {
  readonly medianMs: number
  readonly fastestMs: number
  readonly medianCpuMs: number
  readonly repetitions: number
}

/** Runs once to warm up and then `repetitions` times. */
export function timed<T>(repetitions: number, run: () => T): { readonly timing: Timing; readonly result: T } {
  let result = run()
  const durations: number[] = []
  const processor: number[] = []
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const begun = performance.now()
    const before = process.cpuUsage()
    result = run()
    durations.push(performance.now() - begun)
    const { user, system } = process.cpuUsage(before)
    processor.push((user + system) / 1_000)
  }
  durations.sort((a, b) => a - b)
  processor.sort((a, b) => a - b)
  const middle = Math.floor(repetitions / 2)
  const medianMs = durations[middle] ?? Number.NaN
  const medianCpuMs = processor[middle] ?? Number.NaN
  return { timing: { medianMs, fastestMs: durations[0] ?? Number.NaN, medianCpuMs, repetitions }, result }
}
