import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from 'prom-client'
import type { Metrics } from './metrics.ts'

/** Metrics on prom-client with a registry of their own. Asking twice for a name returns the same metric. */
export function createPrometheusMetrics(): Metrics {
  const registry = new Registry()
  const known = new Map<string, PromCounter | PromGauge | PromHistogram>()
  const reuse = <M extends PromCounter | PromGauge | PromHistogram>(name: string, make: () => M): M => {
    const existing = known.get(name)
    if (existing !== undefined) return existing as M
    const made = make()
    known.set(name, made)
    return made
  }
  return {
    counter(name, help, labels = []) {
      const metric = reuse(name, () => new PromCounter({ name, help, labelNames: [...labels], registers: [registry] }))
      return { add: (value = 1, of = {}) => metric.inc({ ...of }, value) }
    },
    gauge(name, help, labels = []) {
      const metric = reuse(name, () => new PromGauge({ name, help, labelNames: [...labels], registers: [registry] }))
      return { set: (value, of = {}) => metric.set({ ...of }, value), remove: (of) => metric.remove({ ...of }) }
    },
    histogram(name, help, buckets, labels = []) {
      const metric = reuse(
        name,
        () => new PromHistogram({ name, help, buckets: [...buckets], labelNames: [...labels], registers: [registry] }),
      )
      return { observe: (value, of = {}) => metric.observe({ ...of }, value) }
    },
    text: () => registry.metrics(),
  }
}
