import { createKafkajsTransport } from '../../services/platform/kafka/kafkajs-transport.ts'
import { transportContract } from '../contract/transport-contract.ts'
import { silentLog } from '../support/silent-log.ts'
import { testStack } from '../support/stack.ts'

const topicPrefix = 'transport-kafkajs.'

transportContract('kafkajs on a real broker', () => ({
  open: () =>
    createKafkajsTransport({ clientId: 'contract', brokers: testStack().kafka.brokers, topicPrefix, log: silentLog }),
}))
