import { afterEach, expect, test } from 'vitest'
import type { Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import { MemoryTransport } from '../platform/kafka/memory-transport.ts'
import { systemClock } from '../platform/lifecycle/clocks.ts'
import { createScope } from '../platform/lifecycle/process-scope.ts'
import type { Logger } from '../platform/log/logger.ts'
import { createPrometheusMetrics } from '../platform/metrics/prometheus-metrics.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { createControlState } from './control-state.ts'
import { watchControl } from './watch-control.ts'

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const tries: (() => void)[] = []
const scope = createScope({
  log: quiet,
  metrics: createPrometheusMetrics(),
  clock: systemClock,
  timers: { every: () => () => undefined, wait: () => new Promise((resolve) => tries.push(resolve)) },
  deadlineMs: 1_000,
})
const settled = () => new Promise((resolve) => setImmediate(resolve))

afterEach(() => scope.stop())

test('a gateway that is cut off from the control topics notes why, and is ready all the same', async () => {
  const broker = new MemoryTransport(systemClock)
  const file = {
    read: () => ({ splits: {}, latches: {}, kills: {} }),
    save: () => undefined,
    stop: async () => undefined,
  }
  const control = createControlState({ clock: systemClock, file })
  watchControl(
    scope,
    broker,
    async () => ({}) as Codec<Records>,
    control,
    () => undefined,
  )
  await settled()
  expect(scope.report()).toEqual({
    unlive: [],
    unready: [],
    notes: [{ name: 'control topics', why: `there is no topic ${topics.splits.name}` }],
  })
  const named = [topics.splits, topics.brakes, topics.heartbeats].map(({ name }) => ({
    name,
    partitions: 1,
    config: {},
  }))
  await broker.ensureTopics(named)
  for (const again of tries.splice(0)) again()
  await settled()
  expect(scope.report()).toEqual({ unlive: [], unready: [], notes: [] })
})
