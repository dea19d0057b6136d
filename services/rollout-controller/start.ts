import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { createKafkajsTransport } from '../platform/kafka/kafkajs-transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { ControllerConfig } from './config.ts'
import { startController } from './start-controller.ts'

/** Starts the rollout controller on the broker and registry that its configuration names. */
export async function startRolloutController(scope: Scope, config: ControllerConfig): Promise<void> {
  const { brokers, registryUrl, stateDir, topicPrefix } = config
  const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const transport = createKafkajsTransport({ clientId: 'rollout-controller', brokers, topicPrefix, log: scope.log })
  scope.onStop('transport', () => transport.close())
  await startController(scope, config, { transport, codec })
}
