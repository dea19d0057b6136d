/** Ms since the epoch with their fractions. All processes of a benchmark run on one machine, so this is the services' own clock. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
