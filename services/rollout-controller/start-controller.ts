import type { Records } from '../domain/events/records.ts'
import { topics } from '../flow.ts'
import type { Transport } from '../platform/kafka/transport.ts'
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
  const watch = await scope.use('watch', () =>
    watchControl({ transport, codec, book, metrics, log, wake: () => void controller?.sweep() }),
  )
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
    sleep: (ms) => scope.timers.wait(ms, signal).catch(() => undefined),
    stopping: () => signal.aborted,
    fail: (cause) => scope.fail(cause),
  })
  controller = owner
  scope.onStop('controller', () => owner.close())
  const consumer = await scope.use('commands', () =>
    transport.consume({
      groupId: config.groupId,
      topics: [topics.commands.name],
      onAssigned: (partitions) => owner.onAssigned(partitions),
      onRevoked: (partitions) => owner.onRevoked(partitions),
      onBatch: (batch) => owner.onBatch(batch),
      maxWaitMs: 100,
    }),
  )
  consumer.crashed.catch((error: unknown) => scope.fail(error))
  scope.ready('commands', () => owner.ready())
  scope.onStop(
    'ticks',
    scope.timers.every(config.tickMs, () => void owner.sweep()),
  )
}
