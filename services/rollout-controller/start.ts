import type { Records } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import { openTransport } from '../platform/kafka/open-transport.ts'
import { persistently } from '../platform/lifecycle/persistently.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import { openCodec } from '../platform/registry/open-codec.ts'
import type { ControllerConfig } from './config.ts'
import { startController } from './start-controller.ts'

/** Starts the rollout controller on the broker and registry that its configuration names. */
export async function startRolloutController(scope: Scope, config: ControllerConfig): Promise<void> {
  const { registryUrl, stateDir } = config
  const opening = () => openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
  const codec = await persistently('opening the codec', opening, scope)
  const transport = openTransport(scope, config, { service: 'rollout-controller', behind: 'unready' })
  await startController(scope, config, { transport, codec })
}
