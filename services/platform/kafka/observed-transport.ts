import type { Scope } from '../lifecycle/scope.ts'
import { createProducerWatch } from './producer-watch.ts'
import { createReadMetrics, ReaderWatch } from './reader-watch.ts'
import type { Transport } from './transport.ts'

export interface ObservedBy {
  /** Label of the metrics: the name of the service. */
  readonly service: string
  readonly scope: Scope
  /** Whether a service whose broker is away, or that is behind, cannot do its job. Loops that stand are told in either case. */
  readonly behind: 'unready' | 'noted'
}

const showEveryMs = 1_000

/** The same transport, with metrics of what it reads and sends, and with its part of `/livez` and `/readyz`. */
export function observeTransport(inner: Transport, observed: ObservedBy): Transport {
  const { scope, service } = observed
  const conditions = observed.behind === 'unready' ? scope.health : scope.health.noting()
  const readMetrics = createReadMetrics(scope.metrics, service)
  const watches = new Set<ReaderWatch>()
  const producers = createProducerWatch(scope, service)
  const watch = (name: string) => {
    const made = new ReaderWatch({ name, clock: scope.clock, loop: scope.health.loop(name), metrics: readMetrics })
    watches.add(made)
    const forget = conditions.ready(name, () => made.whyNot())
    return {
      made,
      end() {
        forget()
        made.end()
        watches.delete(made)
      },
    }
  }
  const stopShowing = scope.timers.every(showEveryMs, () => {
    for (const one of watches) one.show()
    producers.show()
  })
  scope.onStop('observed transport', stopShowing)
  return {
    ...passedOn(inner),
    producer: async (options) => producers.observe(await inner.producer(options)),
    async consume(options) {
      const { made, end } = watch(nameOf(options.topics))
      const group = await startedOr(end, () =>
        inner.consume({
          ...options,
          onBatch: (batch) => made.handle(batch, () => options.onBatch(batch)),
          async onAssigned(partitions) {
            made.own(partitions)
            await options.onAssigned?.(partitions)
          },
          onRevoked(partitions) {
            made.disown(partitions)
            options.onRevoked?.(partitions)
          },
          onCaughtUp(partition, endOffset) {
            made.caughtUp(partition)
            options.onCaughtUp?.(partition, endOffset)
          },
        }),
      )
      return {
        crashed: group.crashed,
        commit: (offsets) => group.commit(offsets),
        assigned: () => group.assigned(),
        pause(partitions) {
          group.pause(partitions)
          made.pause(partitions)
        },
        resume(partitions) {
          group.resume(partitions)
          made.own(partitions)
        },
        async stop() {
          end()
          await group.stop()
        },
      }
    },
    async read(options) {
      const { made, end } = watch(nameOf(options.topics))
      const reader = await startedOr(end, () =>
        inner.read({
          ...options,
          onBatch: (batch) => made.handle(batch, () => options.onBatch(batch)),
          onCaughtUp(partition, endOffset) {
            made.caughtUp(partition)
            options.onCaughtUp?.(partition, endOffset)
          },
        }),
      )
      return {
        caughtUp: reader.caughtUp,
        crashed: reader.crashed,
        async stop() {
          end()
          await reader.stop()
        },
      }
    },
  }
}

function nameOf(topics: readonly string[]): string {
  return `reading ${topics.join(', ')}`
}

async function startedOr<T>(end: () => void, start: () => Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (error) {
    end()
    throw error
  }
}

/** Methods of a class are not copied by a spread. */
function passedOn(inner: Transport): Transport {
  return {
    producer: (options) => inner.producer(options),
    transactional: (id) => inner.transactional(id),
    consume: (options) => inner.consume(options),
    read: (options) => inner.read(options),
    ensureTopics: (specs) => inner.ensureTopics(specs),
    partitionCount: (topic) => inner.partitionCount(topic),
    endOffsets: (topic) => inner.endOffsets(topic),
    close: () => inner.close(),
  }
}
