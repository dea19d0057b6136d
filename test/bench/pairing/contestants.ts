import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inheritedEnvironment } from '../../../infra/native/config.ts'
import { topics } from '../../../services/flow.ts'

/** Where a contestant finds its input, and where it writes. */
export interface Course {
  readonly brokers: string
  readonly registryUrl: string
  readonly prefix: string
  readonly requestSchemaId: number
  readonly windowMs: number
  /** Jars of the Java peers and their classes. */
  readonly javaDir: string
  readonly stateDir: string
  readonly logPath: string
  /** Flags for our own processes, e.g. `--cpu-prof`. */
  readonly nodeFlags: readonly string[]
}

/** One program that reads the exchanges. */
export interface Contestant {
  readonly name: string
  /** Consumer group by which is seen that it has begun. */
  readonly group: string
  /** Topic that its pairs go to; null: it only reads, and ends when it has read everything. */
  readonly output: string | null
  /** Only committed transactions count. */
  readonly isTransactional: boolean
  start(course: Course): ChildProcess
}

const root = fileURLToPath(new URL('../../../', import.meta.url))

export const penstock: Contestant = {
  name: 'Penstock pairing, all facts',
  group: 'pairing',
  output: topics.evidence.name,
  isTransactional: false,
  start: (course) =>
    run(process.execPath, [...course.nodeFlags, join(root, 'services/pairing/main.ts')], course, {
      PENSTOCK_KAFKA_BROKERS: course.brokers,
      PENSTOCK_TOPIC_PREFIX: course.prefix,
      PENSTOCK_REGISTRY_URL: course.registryUrl,
      PENSTOCK_STATE_DIR: course.stateDir,
      PENSTOCK_LOG_LEVEL: 'warn',
    }),
}

const consumeOnly: Contestant = {
  name: 'kafkajs, consume and decode only',
  group: 'consume-only',
  output: null,
  isTransactional: false,
  start: (course) =>
    run(
      process.execPath,
      [
        join(root, 'test/bench/pairing/consume-only.ts'),
        course.brokers,
        course.prefix,
        course.registryUrl,
        course.stateDir,
      ],
      course,
      {},
    ),
}

function streams(mode: 'facts' | 'plain', guarantee: 'at_least_once' | 'exactly_once_v2'): Contestant {
  const group = `streams-${mode}-${guarantee}`
  const how = mode === 'facts' ? 'facts first' : 'bodies joined'
  return {
    name: `Kafka Streams, ${how}, ${guarantee === 'at_least_once' ? 'at least once' : 'exactly once v2'}`,
    group,
    output: `bench.${group}`,
    isTransactional: guarantee === 'exactly_once_v2',
    start(course) {
      const { brokers, prefix, javaDir, requestSchemaId, windowMs } = course
      const state = join(course.stateDir, group)
      const classPath = `${javaDir}/classes:${javaDir}/libs/*`
      const places = [brokers, prefix + topics.exchanges.name, `${prefix}bench.${group}`, prefix + group, state]
      const rest = [join(root, 'schemas/avro'), String(requestSchemaId), String(windowMs)]
      const program = [
        '-Xmx1g',
        `-Djava.io.tmpdir=${course.stateDir}`,
        '-cp',
        classPath,
        'penstock.bench.PairStreams',
        mode,
        guarantee,
      ]
      return run('java', [...program, ...places, ...rest], course, {})
    },
  }
}

/** Who Penstock is to be ahead of, in pairs a second and in processor time. */
export const goalPeer = streams('facts', 'at_least_once')

export const contestants: readonly Contestant[] = [
  penstock,
  goalPeer,
  streams('facts', 'exactly_once_v2'),
  streams('plain', 'at_least_once'),
  streams('plain', 'exactly_once_v2'),
  consumeOnly,
]

function run(command: string, args: readonly string[], course: Course, environment: Record<string, string>) {
  const log = openSync(course.logPath, 'a')
  return spawn(command, args, {
    cwd: root,
    env: { ...inheritedEnvironment(), ...environment },
    stdio: ['ignore', log, log],
  })
}
