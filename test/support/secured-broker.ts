import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { AclEntry, AclOperationTypes, Admin } from 'kafkajs'
import { defaultCacheDir, inheritedEnvironment } from '../../infra/native/config.ts'
import { log4j2, serverProperties } from '../../infra/native/kafka-part.ts'
import { choosePorts, machinePorts } from '../../infra/native/ports.ts'
import { markerVariable } from '../../infra/native/processes.ts'
import { fromArchive } from '../../infra/native/programs.ts'
import { provision } from '../../infra/native/provision.ts'
import { createKafkajsClient } from '../../services/platform/kafka/kafkajs-client.ts'
import { silentLog } from './silent-log.ts'

/** A broker that takes TLS and accounts only, and lets each do what it has been given a right to. */
export interface SecuredBroker {
  readonly brokers: string
  /** The authority of its certificate, PEM. */
  readonly caFile: string
  /** A file for PENSTOCK_KAFKA_SECURITY_FILE: as this account. Throws for one that the broker does not have. */
  securityFileOf(account: string): string
  /** Gives rights as lines of infra/kafka/acls.txt do; `prefix` stands before topics, groups and transactional ids. */
  allow(lines: readonly string[], prefix: string): Promise<void>
  stop(): Promise<void>
}

const run = promisify(execFile)
const storePassword = 'of a key for tests'
const readyWithinMs = 90_000

/** Starts one beside the test run's own servers; it ends with them at the latest. */
export async function startSecuredBroker(
  stackDir: string,
  dir: string,
  accounts: readonly string[],
): Promise<SecuredBroker> {
  mkdirSync(dir, { recursive: true })
  const programs = await provision({ cacheDir: defaultCacheDir() })
  const { java, kafkaLibs } = programs
  // As many ports as a stack has, and of its kind; only three are needed.
  const {
    kafka: secured,
    registry: inside,
    kafkaController: controller,
  } = (await choosePorts({ given: {}, earlier: null, held: new Set() }, machinePorts)).ports
  const keystore = join(dir, 'broker.p12')
  const caFile = join(dir, 'ca.pem')
  await certify(keystore, caFile)
  const properties = join(dir, 'server.properties')
  writeFileSync(properties, securedProperties({ secured, inside, controller }, join(dir, 'data'), keystore))
  writeFileSync(join(dir, 'log4j2.xml'), log4j2(join(dir, 'kafka.log')))
  const classPath = [
    ...fromArchive(programs, 'kafka'),
    '-cp',
    join(kafkaLibs, '*'),
    `-Dlog4j2.configurationFile=${join(dir, 'log4j2.xml')}`,
  ]
  const passwords = new Map(accounts.map((account) => [account, randomBytes(12).toString('hex')]))
  const scram = [...passwords].flatMap(([name, password]) => [
    '--add-scram',
    `SCRAM-SHA-512=[name=${name},password=${password}]`,
  ])
  const clusterId = randomBytes(16).toString('base64url')
  await run(java, [...classPath, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...scram])
  const env = { ...inheritedEnvironment(), [markerVariable]: `${stackDir}/services` }
  const broker = spawn(java, ['-Xmx384m', ...classPath, 'kafka.Kafka', properties], { stdio: 'ignore', env })
  const ended = new Promise<void>((resolve) => broker.once('exit', () => resolve()))
  // Inside, where nobody else is, everybody may do everything.
  const admin = createKafkajsClient({
    clientId: 'test-admin',
    brokers: `127.0.0.1:${inside}`,
    log: silentLog,
    retry: { retries: 0 },
  }).admin()
  const stop = async () => {
    await admin.disconnect().catch(() => undefined)
    broker.kill('SIGKILL')
    await ended
  }
  for (const endMs = performance.now() + readyWithinMs; ; await delay(250)) {
    if (await answers(admin)) break
    const isOver = broker.exitCode !== null || broker.signalCode !== null
    if (!isOver && performance.now() < endMs) continue
    await stop()
    const logPath = join(dir, 'kafka.log')
    const said = existsSync(logPath) ? readFileSync(logPath, 'utf8').slice(-2_000) : 'it wrote no log'
    throw new Error(`the broker did not start: ${said}`)
  }
  return {
    brokers: `localhost:${secured}`,
    caFile,
    securityFileOf(account) {
      const password = passwords.get(account)
      if (password === undefined) throw new Error(`no account ${account}`)
      writeFileSync(join(dir, `${account}.password`), `${password}\n`, { mode: 0o600 })
      const file = join(dir, `${account}.yaml`)
      const sasl = { mechanism: 'scram-sha-512', username: account, passwordFile: `${account}.password` }
      writeFileSync(file, JSON.stringify({ tls: { ca: 'ca.pem' }, sasl }))
      return file
    },
    async allow(lines, prefix) {
      await admin.createAcls({ acl: lines.flatMap((line) => entriesOf(line, prefix)) })
    },
    stop,
  }
}

async function answers(admin: Admin): Promise<boolean> {
  try {
    await admin.connect()
    return (await admin.describeCluster()).brokers.length === 1
  } catch {
    return false
  }
}

/** A certificate of its own authority. */
async function certify(keystore: string, caFile: string): Promise<void> {
  const store = ['-alias', 'broker', '-keystore', keystore, '-storetype', 'PKCS12', '-storepass', storePassword]
  const names = ['-dname', 'CN=localhost', '-ext', 'san=dns:localhost,ip:127.0.0.1', '-ext', 'bc:c']
  await run('keytool', ['-genkeypair', '-keyalg', 'EC', '-validity', '2', ...names, ...store])
  await run('keytool', ['-exportcert', '-rfc', '-file', caFile, ...store])
}

function securedProperties(
  ports: { readonly secured: number; readonly inside: number; readonly controller: number },
  dataDir: string,
  keystore: string,
): string {
  const { secured, inside, controller } = ports
  const settings: Readonly<Record<string, string>> = {
    listeners: `SECURED://127.0.0.1:${secured},INSIDE://127.0.0.1:${inside},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `SECURED://localhost:${secured},INSIDE://127.0.0.1:${inside}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT,SECURED:SASL_SSL',
    'inter.broker.listener.name': 'INSIDE',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.secured.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'listener.name.secured.ssl.keystore.type': 'PKCS12',
    'listener.name.secured.ssl.keystore.location': keystore,
    'listener.name.secured.ssl.keystore.password': storePassword,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
  // The last of two with the same name counts.
  return serverProperties({ ...noPorts, kafka: secured, kafkaController: controller }, dataDir) + lines.join('')
}

const noPorts = { registry: 0, redis: 0, clickhouse: 0 }

/** As kafkajs numbers them. */
const operations: Readonly<Record<string, AclOperationTypes>> = {
  Read: 3,
  Write: 4,
  Create: 5,
  Describe: 8,
  DescribeConfigs: 10,
  AlterConfigs: 11,
}
const resources = { topic: 2, group: 3, cluster: 4, 'transactional-id': 5 } as const
const patterns = { literal: 3, prefixed: 4 } as const
const allow = 3

function entriesOf(line: string, prefix: string): readonly AclEntry[] {
  const principal = /--allow-principal (\S+)/.exec(line)?.[1] ?? ''
  const named = /--(topic|group|transactional-id) (\S+)/.exec(line)
  const kind = (named?.[1] ?? 'cluster') as keyof typeof resources
  return [...line.matchAll(/--operation (\S+)/g)].map(([, operation = '']) => ({
    principal,
    host: '*',
    operation: operations[operation] as AclOperationTypes,
    permissionType: allow,
    resourceType: resources[kind],
    resourceName: named === null ? 'kafka-cluster' : `${prefix}${named[2]}`,
    resourcePatternType: line.includes('--resource-pattern-type prefixed') ? patterns.prefixed : patterns.literal,
  }))
}
