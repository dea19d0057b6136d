import type { RecordName, Records } from '../../services/domain/events/records.ts'
import { schemaTexts } from '../../services/domain/events/schemas.ts'
import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { runProcess } from '../../services/platform/lifecycle/run-process.ts'
import { createAvroCodec } from '../../services/platform/registry/avro-codec.ts'
import { startController } from '../../services/rollout-controller/start-controller.ts'

/** Avro with ids given by place instead of by a registry, so that this test needs a broker and nothing else. */
export function placeCodec() {
  const names = Object.keys(schemaTexts) as RecordName[]
  const ids = Object.fromEntries(names.map((name, index) => [name, index + 1])) as Record<RecordName, number>
  return createAvroCodec<Records>(schemaTexts, ids, async () => null)
}

/** One controller as a process of its own, to be killed: `node controller-process.ts <brokers> <topic prefix>`. */
const [, script, brokers, topicPrefix] = process.argv
if (script === import.meta.filename && brokers !== undefined && topicPrefix !== undefined) {
  await runProcess({ name: 'controller-under-test', logLevel: 'info', adminPort: null }, async (scope) => {
    const transport = createKafkajsTransport({
      clientId: 'controller-under-test',
      brokers,
      topicPrefix,
      log: scope.log,
    })
    scope.onStop('transport', () => transport.close())
    await startController(
      scope,
      { groupId: 'controllers', tickMs: 200, commandsMax: 5 },
      { transport, codec: placeCodec() },
    )
    process.stdout.write('READY\n')
  })
}
