/** Numbers of one /metrics page. */
export interface MetricsPage {
  /** Sum over all label values that agree with `labels`; 0 where there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number
  /** How many lines there are of it. */
  count(name: string, labels?: Readonly<Record<string, string>>): number
  /** The largest of its lines; 0 where there is none. */
  largest(name: string): number
  /** Sums by these labels; empty ones are left out of the key. */
  by(name: string, labels: readonly string[]): Readonly<Record<string, number>>
}

interface Line {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads the text format of Prometheus as far as our own services write it: no escapes in label values. */
export function readMetrics(text: string): MetricsPage {
  const lines = text.split('\n').flatMap(lineOf)
  const matching = (name: string, labels: Readonly<Record<string, string>>) =>
    lines.filter(
      (line) => line.name === name && Object.entries(labels).every(([key, value]) => line.labels[key] === value),
    )
  return {
    sum: (name, labels = {}) => matching(name, labels).reduce((sum, { value }) => sum + value, 0),
    count: (name, labels = {}) => matching(name, labels).length,
    largest: (name) => Math.max(0, ...matching(name, {}).map(({ value }) => value)),
    by(name, by) {
      const sums: Record<string, number> = {}
      for (const { labels, value } of matching(name, {})) {
        const key = by.flatMap((label) => labels[label] || []).join(' ')
        sums[key] = (sums[key] ?? 0) + value
      }
      return sums
    },
  }
}

function lineOf(text: string): readonly Line[] {
  const found = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(text)
  if (found === null) return []
  const [, name = '', inner = '', value] = found
  const labels = [...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', of = '']) => [key, of] as const)
  return [{ name, labels: Object.fromEntries(labels), value: Number(value) }]
}
