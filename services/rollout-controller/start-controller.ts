import type { Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import type { Transport } from '../platform/kafka/transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'
import type { ControllerConfig } from './config.ts'
import { createControlMetrics } from './control-metrics.ts'
import { Controller } from './controller.ts'
import { RouteBook } from './route-book.ts'
import { watchControl } from './watch-control.ts'

/** What the controller speaks to; opened by its own start, or by a test. */
export interface ControllerParts {
  readonly transport: Transport
  readonly codec: Codec<Records>
}

type CoreConfig = Pick<ControllerConfig, 'groupId' | 'tickMs' | 'commandsMax'>

/** Starts the controller on parts that are open already: first everything is read, then commands are taken. */
export async function startController(scope: Scope, config: CoreConfig, parts: ControllerParts): Promise<void> {
  const { transport, codec } = parts
  const { log, clock, signal } = scope
  const book = new RouteBook()
  const metrics = createControlMetrics(scope.metrics)
  let controller: Controller | null = null
  const watching = () =>
    watchControl({ transport, codec, book, metrics, log, clock, wake: () => void controller?.sweep() })
  const watch = await scope.use('watch', () => persistently('reading control topics', watching, scope))
  watch.crashed.catch((error: unknown) => scope.fail(error))
  const owner = new Controller({
    transport,
    codec,
    book,
    metrics,
    log,
    clock,
    groupId: config.groupId,
    transactionalId: config.groupId,
    commandsMax: config.commandsMax,
    caughtUp: () => watch.caughtUp(),
    waits: (why) => scope.health.waits('taking over commands', why),
    sleep: (ms) => scope.timers.wait(ms, signal).catch(() => undefined),
    stopping: () => signal.aborted,
    fail: (cause) => scope.fail(cause),
  })
  controller = owner
  scope.onStop('controller', () => owner.close())
  const join = () =>
    transport.consume({
      groupId: config.groupId,
      topics: [topics.commands.name],
      onAssigned: (partitions) => owner.onAssigned(partitions),
      onRevoked: (partitions) => owner.onRevoked(partitions),
      onBatch: (batch) => owner.onBatch(batch),
      maxWaitMs: 100,
    })
  const consumer = await scope.use('commands', () => persistently('joining the group', join, scope))
  consumer.crashed.catch((error: unknown) => scope.fail(error))
  scope.health.ready('commands', () => (owner.ready() ? null : 'not all partitions that the group gave are owned yet'))
  const loop = scope.health.loop('sweeping')
  let sweeping = false
  const sweep = () => {
    const swept = owner.sweep()
    if (sweeping) return
    sweeping = true
    const done = loop.begin()
    void swept.finally(() => {
      sweeping = false
      done()
    })
  }
  scope.onStop('ticks', scope.timers.every(config.tickMs, sweep))
}
