import type { Scope } from '../lifecycle/scope.ts'
import { recordBytes } from './record-size.ts'
import type { OutRecord, Producer } from './transport.ts'

export interface ProducerWatch {
  observe(inner: Producer): Producer
  /** Sets what changes by the passing of time. */
  show(): void
}

interface Waiting {
  records: number
  bytes: number
}

/** Counts what was handed to producers and is not acknowledged. Nothing bounds it here: who sends waits for the answer, or keeps a bound of its own. */
export function createProducerWatch(scope: Scope, service: string): ProducerWatch {
  const { clock, metrics } = scope
  const byTopic = new Map<string, Waiting>()
  const sends = new Set<{ readonly sinceMs: number }>()
  const loop = scope.health.loop('sending')
  const records = metrics.gauge(
    'penstock_kafka_unacknowledged_records',
    'Records handed to producers and not answered',
    ['service', 'topic'],
  )
  const bytes = metrics.gauge('penstock_kafka_unacknowledged_bytes', 'Bytes handed to producers and not answered', [
    'service',
    'topic',
  ])
  const oldest = metrics.gauge('penstock_kafka_unacknowledged_seconds', 'Age of the oldest send without an answer', [
    'service',
  ])
  const count = (out: readonly OutRecord[], sign: 1 | -1) => {
    for (const record of out) {
      const waiting = byTopic.get(record.topic) ?? { records: 0, bytes: 0 }
      waiting.records += sign
      waiting.bytes += sign * recordBytes(record)
      byTopic.set(record.topic, waiting)
    }
  }
  return {
    observe: (inner) => ({
      async send(out) {
        const entry = { sinceMs: clock.monoMs() }
        const done = loop.begin()
        sends.add(entry)
        count(out, 1)
        try {
          return await inner.send(out)
        } finally {
          count(out, -1)
          sends.delete(entry)
          done()
        }
      },
      close: () => inner.close(),
    }),
    show() {
      for (const [topic, waiting] of byTopic) {
        records.set(waiting.records, { service, topic })
        bytes.set(waiting.bytes, { service, topic })
      }
      const [first] = sends
      oldest.set(first === undefined ? 0 : (clock.monoMs() - first.sinceMs) / 1_000, { service })
    },
  }
}
