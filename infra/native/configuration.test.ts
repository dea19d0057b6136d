import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clickHouseEnvironment } from './clickhouse-part.ts'
import { repositoryRoot } from './config.ts'
import { log4j2, serverProperties } from './kafka-part.ts'
import { askBroker, readMetadata } from './kafka-wire.ts'
import { fromArchive } from './programs.ts'
import { npmFiles } from './provision-clickhouse.ts'
import { javaMajor } from './provision-java.ts'
import { isAtLeast } from './provision-redis.ts'
import { redisConf } from './redis-part.ts'
import { registryArguments } from './registry-part.ts'
import { newState } from './state.ts'
import { cacheName, versions } from './versions.ts'

const ports = { kafka: 1, kafkaController: 2, registry: 3, redis: 4, clickhouse: 5 }
const state = newState(
  { ports, given: [] },
  {
    java: 'java',
    kafkaLibs: 'libs',
    registry: 'registry',
    redis: { command: 'redis-server', libraryPath: null },
    clickhouse: { modules: 'modules', library: 'libchdb.so' },
  },
  false,
)

describe('Kafka', () => {
  const lines = serverProperties(ports, 'some/data').split('\n')

  it.each([
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'controller.quorum.voters=1@127.0.0.1:2',
    'advertised.listeners=PLAINTEXT://127.0.0.1:1',
    'log.dirs=some/data',
  ])('has %s', (line) => {
    expect(lines).toContain(line)
  })

  it('takes its classes from an archive where there is one, and is started without where there is none', () => {
    const { programs } = state
    expect(fromArchive(programs, 'kafka')).toEqual([])
    expect(fromArchive({ ...programs, classArchives: { kafka: 'some/classes.jsa', registry: null } }, 'kafka')[0]).toBe(
      '-XX:SharedArchiveFile=some/classes.jsa',
    )
  })

  it('listens on loopback only', () => {
    expect(lines.find((line) => line.startsWith('listeners='))).toBe(
      'listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2',
    )
  })

  it('logs to one file of limited size', () => {
    expect(log4j2('some/kafka.log')).toMatch(/fileName="some\/kafka.log"[\s\S]*size="10MB"[\s\S]*max="2"/)
  })
})

describe('the question to the broker', () => {
  it('reads brokers and cluster id', () => {
    const text = (value: string | null): Buffer => {
      const length = Buffer.alloc(2)
      length.writeInt16BE(value === null ? -1 : value.length)
      return Buffer.concat([length, Buffer.from(value ?? '')])
    }
    const number = (value: number): Buffer => {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(value)
      return bytes
    }
    const broker = (id: number, rack: string | null) => [number(id), text('localhost'), number(9092), text(rack)]
    const body = Buffer.concat([
      number(0),
      number(2),
      ...broker(1, null),
      ...broker(2, 'r'),
      text('cluster'),
      number(1),
    ])
    expect(readMetadata(body)).toEqual({ brokers: 2, clusterId: 'cluster' })
  })

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n\r\n', /closed|no answer|out of range|error/],
    ['', /closed/],
  ])('is not content with %j', async (answer, message) => {
    const server = createServer((socket) => socket.end(answer))
    const port = await new Promise<number>((done) => {
      server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port))
    })
    await expect(askBroker('127.0.0.1', port, 1000)).rejects.toThrow(message)
    server.close()
  })
})

describe('the registry and Redis', () => {
  it('keep what they acknowledged', () => {
    expect(registryArguments(state, 'some/data')).toContain(
      '-Dapicurio.datasource.url=jdbc:h2:file:some/data/registry;WRITE_DELAY=0',
    )
    expect(redisConf(4, 'some/data')).toMatch(/^maxmemory-policy noeviction\nappendonly yes$/m)
  })

  it('listen on loopback only', () => {
    expect(registryArguments(state, 'd')).toEqual(
      expect.arrayContaining(['-Dquarkus.http.host=127.0.0.1', '-Dquarkus.http.port=3']),
    )
    expect(redisConf(4, 'd')).toMatch(/^bind 127.0.0.1\nport 4$/m)
  })
})

describe('ClickHouse', () => {
  const folder = join(repositoryRoot, 'infra', 'clickhouse')
  const xml = ['config.xml', 'users.xml', 'users.d/penstock.xml'].map((name) =>
    readFileSync(join(folder, name), 'utf8'),
  )

  it('gets every variable that its configuration takes from the environment, and no other', () => {
    const wanted = xml.flatMap((text) => [...text.matchAll(/from_env="(\w+)"/g)].map((match) => match[1]))
    expect(Object.keys(clickHouseEnvironment(state, 'logs', 'x')).sort()).toEqual([...new Set(wanted)].sort())
  })

  it('never sees a password, only digests', () => {
    const values = Object.values(clickHouseEnvironment(state, 'logs', 'probe-password'))
    const secrets = [...Object.values(state.passwords), 'probe-password']
    expect(values.filter((value) => secrets.some((secret) => value.includes(secret)))).toEqual([])
  })
})

describe('versions.json', () => {
  it('pins a SHA-256 for every jar and the registry', () => {
    const digests = [...Object.values(versions.kafka.sha256), versions.registry.sha256]
    expect(digests.length).toBeGreaterThan(40)
    expect(digests.filter((digest) => !/^[0-9a-f]{64}$/.test(digest))).toEqual([])
  })

  it('gives npm a lock file with exact versions, checksums and no address', () => {
    const { manifest, lock } = npmFiles(versions, 'linux-x64')
    const { packages } = JSON.parse(lock)
    expect(packages['node_modules/@chdb/lib-linux-x64-gnu']).toEqual({
      version: versions.clickhouse.version,
      integrity: versions.clickhouse.platforms['linux-x64']?.library.integrity,
    })
    expect(JSON.parse(manifest).dependencies).toEqual(packages[''].dependencies)
    expect(lock).not.toContain('http')
  })

  it('leads to another cache folder when a pin changes', () => {
    expect(cacheName('kafka', '1', { a: 1 })).toBe(cacheName('kafka', '1', { a: 1 }))
    expect(cacheName('kafka', '1', { a: 1 })).not.toBe(cacheName('kafka', '1', { a: 2 }))
  })
})

describe('what is installed', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['openjdk version "21" 2023-09-19', 21],
    ['java version "1.8.0_392"', 8],
    ['something else', null],
  ])('Java says %j', (text, major) => {
    expect(javaMajor(text)).toBe(major)
  })

  it.each([
    ['Redis server v=7.0.15 sha=0', true],
    ['Redis server v=6.2.0 sha=0', true],
    ['Redis server v=6.0.16 sha=0', false],
    ['Redis server v=5.9.9 sha=0', false],
    ['no version', false],
  ])('Redis says %j', (text, enough) => {
    expect(isAtLeast(text, '6.2.0')).toBe(enough)
  })
})
