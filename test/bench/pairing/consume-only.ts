import type { Records } from '../../../services/domain/events/records.ts'
import { schemaTexts } from '../../../services/domain/events/schemas.ts'
import { topics } from '../../../services/flow.ts'
import { createKafkajsTransport } from '../../../services/platform/kafka/kafkajs-transport.ts'
import { openCodec } from '../../../services/platform/registry/open-codec.ts'
import { silentLog } from '../../support/silent-log.ts'

// Reads every exchange and decodes it whole, and nothing else: the upper bound for whoever reads with kafkajs.
const [brokers = '', topicPrefix = '', registryUrl = '', stateDir = ''] = process.argv.slice(2)
const transport = createKafkajsTransport({ clientId: 'consume-only', brokers, topicPrefix, log: silentLog })
const codec = await openCodec<Records>({ registryUrl, stateDir, subjectPrefix: 'penstock.v1.', schemaTexts })
const ends = await transport.endOffsets(topics.exchanges.name)
let left = ends.reduce((sum, { offset }) => sum + offset, 0)
let done: () => void = () => undefined
const all = new Promise<void>((resolve) => {
  done = resolve
})
await transport.consume({
  groupId: 'consume-only',
  topics: [topics.exchanges.name],
  async onBatch({ records }) {
    for (const { value } of records) {
      if (value !== null && (await codec.decode(value)).kind === 'bad') throw new Error('an exchange cannot be read')
      left -= 1
    }
    if (left === 0) done()
  },
})
await all
process.stdout.write('read\n')
// Held until it is measured.
setInterval(() => undefined, 1_000)
