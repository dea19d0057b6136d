import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { aclLines } from '../../scripts/acls.ts'
import { generateMap, renderOverview } from '../../scripts/generate-map.ts'
import { type Service, services, type Topic, topics } from '../../services/flow.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const allTopics = Object.values<Topic>(topics)
const allServices = Object.values<Service>(services)

describe('topics', () => {
  it.each(allTopics.map((topic) => [topic.name, topic] as const))('%s has a schema for every record', (_, topic) => {
    expect(topic.records.length).toBeGreaterThan(0)
    for (const record of topic.records) {
      if (topic.encoding === 'avro') expect(existsSync(join(root, `schemas/avro/${record}.avsc`)), record).toBe(true)
      else expect(declaredTypeNames(), `${record} is declared in services/`).toContain(record)
    }
  })

  it.each(allTopics.map((topic) => [topic.name]))('%s has a producer', (name) => {
    expect(allServices.filter((service) => service.produces.includes(name))).not.toEqual([])
  })

  // Dead letters are read by people, with tools: a service that read them would have to judge what no service could read.
  it.each(allTopics.filter((topic) => topic !== topics.deadLetters).map((topic) => [topic.name]))(
    '%s has a consumer',
    (name) => {
      expect(allServices.filter((service) => service.consumes.includes(name))).not.toEqual([])
    },
  )

  it('are the only ones services speak of', () => {
    const names = new Set(allTopics.map((topic) => topic.name))
    const spoken = allServices.flatMap((service) => [...service.consumes, ...service.produces])
    expect(spoken.filter((name) => !names.has(name))).toEqual([])
  })

  it('every Avro schema is on a topic', () => {
    const onTopics = allTopics.filter((topic) => topic.encoding === 'avro').flatMap((topic) => topic.records)
    const schemas = readdirSync(join(root, 'schemas/avro')).filter((file) => file.endsWith('.avsc'))
    expect(schemas.map((file) => file.slice(0, -'.avsc'.length)).toSorted()).toEqual([...onTopics].toSorted())
  })

  it('control topics that are read whole keep one partition and the last record per key', () => {
    for (const topic of [topics.splits, topics.brakes]) {
      expect(topic).toMatchObject({ partitions: 1, kept: { cleanup: 'compact' } })
    }
  })
})

describe('services', () => {
  it.each(allServices.map((service) => [service.name]))(
    '%s has its process, its configuration and its page',
    (name) => {
      const missing = ['main.ts', 'config.ts', 'README.md'].filter(
        (file) => !existsSync(join(root, 'services', name, file)),
      )
      expect(missing).toEqual([])
    },
  )

  it('only the controller writes splits', () => {
    const writers = allServices.filter((service) => service.produces.includes(topics.splits.name))
    expect(writers.map((service) => service.name)).toEqual(['rollout-controller'])
  })

  it('every folder under services/ is on the map', () => {
    const map = readFileSync(join(root, 'services/README.md'), 'utf8')
    const folders = readdirSync(join(root, 'services'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map((folder) => folder.name).filter((name) => !map.includes(`](${name})`))).toEqual([])
  })
})

describe('what is drawn from the flow', () => {
  it.each([...generateMap(root)])('%s is fresh', (path, content) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(content)
  })

  it('is in the README', () => {
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(renderOverview())
  })

  it('lets each service read what it consumes, write what it produces, and nothing else', () => {
    const lines = aclLines(allServices)
    for (const service of allServices) {
      const own = lines.filter((line) => line.includes(`User:penstock-${service.name} `))
      const granted = (operation: string): readonly string[] =>
        own
          .filter((line) => line.includes(`--operation ${operation} `))
          .flatMap((line) => /--topic (\S+)/.exec(line)?.[1] ?? [])
      expect(granted('Read')).toEqual(service.consumes)
      expect(granted('Write')).toEqual(service.produces)
    }
  })
})

describe('docker-compose.yml', () => {
  const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: Record<string, { environment?: Record<string, string> }>
  }
  const servers = ['kafka', 'registry', 'clickhouse', 'redis']

  it('brings the servers, then the deploy step, then every service in the order of the flow', () => {
    const expected = [...servers, 'deploy', ...allServices.map((service) => service.name)]
    expect(Object.keys(compose.services)).toEqual(expected)
  })

  it.each(allServices.map((service) => [service.name]))('%s runs its own main.js', (name) => {
    expect(compose.services[name]?.environment).toMatchObject({ SERVICE: name })
  })
})

function declaredTypeNames(): readonly string[] {
  const folder = join(root, 'services')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  return files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/export (?:interface|type) (\w+)/g)].map(
      (match) => match[1] ?? '',
    ),
  )
}
