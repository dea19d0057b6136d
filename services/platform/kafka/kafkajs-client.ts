import { createRequire } from 'node:module'
import type { Kafka, KafkaConfig, SASLOptions } from 'kafkajs'
import type { Logger } from '../log/logger.ts'
import { type BrokerSecurity, unsecured } from './broker-security.ts'
import { patchKafkajsChecksum } from './checksum-patch.ts'
import { patchKafkajsCommits } from './commit-patch.ts'
import { patchKafkajsCompaction } from './compaction-patch.ts'
import { patchKafkajsEncoder } from './encoder-patch.ts'
import { patchKafkajsGrouping } from './grouping-patch.ts'
import { patchKafkajsProducing } from './produce-patch.ts'
import { connectWhole, patchKafkajsRemainder } from './response-socket.ts'
import { patchKafkajsTimer } from './timer-patch.ts'

patchKafkajsEncoder()
patchKafkajsChecksum()
patchKafkajsGrouping()
patchKafkajsCompaction()
patchKafkajsProducing()
patchKafkajsRemainder()
patchKafkajsTimer()
patchKafkajsCommits()
const kafkajs = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs')

/** A kafkajs client whose errors are warnings of ours, since callers decide what is an error; everything else it says is for debugging. */
export function createKafkajsClient(
  options: Omit<KafkaConfig, 'brokers' | 'logLevel' | 'logCreator' | 'socketFactory' | 'ssl' | 'sasl'> & {
    /** host:port, comma separated. */
    readonly brokers: string
    readonly security?: BrokerSecurity
    readonly log: Logger
  },
): Kafka {
  const { brokers, security = unsecured, log, ...rest } = options
  const { logLevel } = kafkajs
  return new kafkajs.Kafka({
    ...rest,
    socketFactory: connectWhole,
    ...secured(security),
    brokers: brokers.split(',').map((broker) => broker.trim()),
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: entry }) => {
        const { message, timestamp: _, ...fields } = entry
        if (level === logLevel.ERROR) log.warn({ kafka: fields }, message)
        else log.debug({ kafka: fields }, message)
      },
  })
}

function secured({ tls, sasl }: BrokerSecurity): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  return {
    ...(tls === null ? {} : { ssl: { ...tls } }),
    // kafkajs has a type for each mechanism, and takes the same of all three.
    ...(sasl === null ? {} : { sasl: { ...sasl } as SASLOptions }),
  }
}
