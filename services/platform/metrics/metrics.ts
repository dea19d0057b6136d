export type MetricName = `penstock_${string}`

/** The little of Prometheus that services use. Names are `penstock_<what>_<unit>[_total]`; label values come from closed sets only. */
export interface Metrics {
  counter(name: MetricName, help: string, labels?: readonly string[]): Counter
  gauge(name: MetricName, help: string, labels?: readonly string[]): Gauge
  histogram(name: MetricName, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram
  /** The exposition text of the whole process. */
  text(): Promise<string>
}

export interface Counter {
  add(value?: number, labels?: Readonly<Record<string, string>>): void
}

export interface Gauge {
  set(value: number, labels?: Readonly<Record<string, string>>): void
  /** Says no more of these labels. */
  remove(labels: Readonly<Record<string, string>>): void
}

export interface Histogram {
  observe(value: number, labels?: Readonly<Record<string, string>>): void
}
