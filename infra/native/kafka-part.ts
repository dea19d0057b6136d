import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askBroker } from './kafka-wire.ts'
import { type Part, type PartPlace, probeTimeoutMs } from './part.ts'
import type { Ports } from './ports.ts'
import { fromArchive } from './programs.ts'
import { requireTool } from './run-tool.ts'
import type { StackState } from './state.ts'

const heap = '384m'

/** Settings of one small node. Topics come from services/flow.ts with their settings, never by a typing mistake. */
export function serverProperties(ports: Ports, dataDir: string): string {
  const settings: Readonly<Record<string, string | number>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${ports.kafkaController}`,
    listeners: `PLAINTEXT://127.0.0.1:${ports.kafka},CONTROLLER://127.0.0.1:${ports.kafkaController}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.kafka}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': dataDir,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.segment.bytes': 64 * 1024 * 1024,
    'log.retention.bytes': 512 * 1024 * 1024,
    'log.cleaner.dedupe.buffer.size': 32 * 1024 * 1024,
    // Offsets of a group that nobody uses go after a day, not a week: development makes many groups.
    'offsets.retention.minutes': 1440,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'controlled.shutdown.max.retries': 1,
    // After kill -9 the node waits until its former self has been silent for this long; the default of 9 s is made for networks.
    'broker.session.timeout.ms': 5000,
    'broker.heartbeat.interval.ms': 1000,
  }
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** Quiet, to one rolling file; without a configuration Kafka would print nothing at all. */
export function log4j2(logFile: string): string {
  return `<Configuration status="ERROR">
  <Appenders>
    <RollingFile name="file" fileName="${logFile}" filePattern="${logFile}.%i">
      <PatternLayout pattern="%d{ISO8601} %-5p %c{1} %m%n"/>
      <SizeBasedTriggeringPolicy size="10MB"/>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Root level="warn"><AppenderRef ref="file"/></Root>
    <Logger name="kafka.server.KafkaRaftServer" level="info"/>
  </Loggers>
</Configuration>
`
}

export const kafkaPart: Part = {
  name: 'kafka',
  graceMs: 15_000,

  async prepare(place, state) {
    const { java, kafkaLibs } = state.programs
    await mkdir(place.dir, { recursive: true })
    const data = join(place.dir, 'data')
    const properties = join(place.dir, 'server.properties')
    const logging = join(place.dir, 'log4j2.xml')
    await writeFile(properties, serverProperties(state.choice.ports, data))
    await writeFile(logging, log4j2(join(place.logs, 'kafka.log')))
    const classPath = ['-cp', join(kafkaLibs, '*'), `-Dlog4j2.configurationFile=${logging}`]
    if (!existsSync(data)) await format(place, state, data, classPath)
    return {
      command: java,
      args: [...fromArchive(state.programs, 'kafka'), `-Xmx${heap}`, ...classPath, 'kafka.Kafka', properties],
      cwd: place.dir,
      env: {},
    }
  },

  async probe(state) {
    try {
      const { clusterId, brokers } = await askBroker('127.0.0.1', state.choice.ports.kafka, probeTimeoutMs)
      if (clusterId !== state.clusterId) return `another Kafka (cluster ${clusterId}) answers on its port`
      return brokers > 0 ? null : 'the broker has not registered yet'
    } catch (error) {
      return (error as Error).message
    }
  },
}

/**
 * Formats beside, then renames: the tool may outlive a run that is killed, and writing another directory id under a broker that serves would
 * make that broker's partitions unusable at its next start.
 */
async function format(place: PartPlace, state: StackState, data: string, classPath: readonly string[]): Promise<void> {
  const fresh = `${data}.${randomBytes(4).toString('hex')}.new`
  const properties = join(place.dir, 'format.properties')
  await mkdir(fresh)
  await writeFile(properties, serverProperties(state.choice.ports, fresh))
  const options = ['format', '--ignore-formatted', '-t', state.clusterId, '-c', properties]
  await requireTool(
    {
      command: state.programs.java,
      args: [
        ...fromArchive(state.programs, 'kafka'),
        '-XX:TieredStopAtLevel=1',
        ...classPath,
        'kafka.tools.StorageTool',
        ...options,
      ],
      timeoutMs: 60_000,
    },
    "Kafka's storage could not be formatted",
    'START',
  )
  await rename(fresh, data)
}
