import { readFileSync } from 'node:fs'
import { type Service, services, type Topic, topics } from '../services/flow.ts'
import { aclLines } from './acls.ts'

const command = 'npm run generate'
const pictureBegin = '<!-- flow picture: begin (generated from services/flow.ts) -->'
const pictureEnd = '<!-- flow picture: end -->'
const dayMs = 86_400_000
const hourMs = 3_600_000

/** Folders under services/ that read and write no topic of their own. */
const otherFolders: readonly (readonly [name: string, purpose: string])[] = [
  ['cli', 'the `penstock` command: everything people and CI do, over HTTP'],
  ['standalone', 'all services in one process, for development, the demo and small installs'],
  ['domain', 'what the system decides and how: pure functions and types, no I/O, no clock, no randomness'],
  [
    'platform',
    'plumbing, one folder per outside thing (Kafka, registry, ClickHouse, Redis, HTTP, …); knows no business word',
  ],
  ['docs', 'architecture, glossary, decisions'],
]

/** Renders what is drawn from `services/flow.ts`: the map, the picture in the README and the ACL list. Path → content. */
export function generateMap(root: string): ReadonlyMap<string, string> {
  const readme = 'README.md'
  return new Map([
    ['services/README.md', renderMap()],
    ['infra/kafka/acls.txt', renderAcls()],
    [readme, withPicture(readFileSync(`${root}/${readme}`, 'utf8'))],
  ])
}

/** Says which reading edges a picture of the flow leaves out. */
type LeavesOut = (service: Service, topic: string) => boolean

/** What a first look can do without: memory that only its reader writes, and everything that the API shows. */
const detail: LeavesOut = (service, topic) => {
  const writers = Object.values<Service>(services).filter(({ produces }) => produces.includes(topic))
  return service === services.api || (writers.length === 1 && writers[0] === service)
}

/** The flow as a mermaid picture: boxes are services, rounded boxes topics; dashed lines steer, full lines carry traffic. */
export function renderPicture(leavesOut: LeavesOut = () => false): string {
  const all = Object.values<Service>(services)
  const reading = (service: Service) => service.consumes.filter((topic) => !leavesOut(service, topic))
  const read = new Set(all.flatMap(reading))
  const drawn = Object.values<Topic>(topics).filter(({ name }) => read.has(name))
  const lines = all.flatMap((service) => [
    ...reading(service).map((topic) => `  ${topicId(topic)} ${arrow(topic)} ${service.name}`),
    ...service.produces
      .filter((topic) => read.has(topic))
      .map((topic) => `  ${service.name} ${arrow(topic)} ${topicId(topic)}`),
    ...service.stores.filter((store) => store !== 'disk').map((store) => `  ${service.name} --- ${store}`),
  ])
  return [
    '```mermaid',
    'flowchart LR',
    '  client([client]) ==> gateway',
    '  gateway ==> models([baseline and candidate model])',
    '  shadow ==> models',
    '  people([people and CI]) -.-> api',
    ...drawn.map((topic) => `  ${topicId(topic.name)}(${topic.name})`),
    ...all.map((service) => `  ${service.name}[${service.name}]`),
    '  clickhouse[(ClickHouse)]',
    '  redis[(Redis)]',
    ...lines,
    '```',
  ].join('\n')
}

/** The picture of the README. */
export function renderOverview(): string {
  return renderPicture(detail)
}

function renderMap(): string {
  const folders = [
    ...Object.values<Service>(services).map((service) => [service.name, service.purpose] as const),
    ...otherFolders,
  ]
  return `<!-- Generated from services/flow.ts by \`${command}\`. Do not edit. -->
# The map

Services meet in topics, tables and HTTP and never import each other. In the order in which a request meets them:

${renderPicture()}

Boxes are services, rounded boxes are topics; full lines carry traffic and evidence, dashed lines steer. Every service that reads also writes what
it could not read to \`${topics.deadLetters.name}\` where the tables say so.

## Folders

| folder | what it does |
|---|---|
${folders.map(([name, purpose]) => `| [\`${name}\`](${name}) | ${purpose} |`).join('\n')}

## Services

| service | reads | writes | stores |
|---|---|---|---|
${Object.values<Service>(services).map(serviceRow).join('\n')}

## Topics

| topic | key | records | partitions | kept | written by | read by |
|---|---|---|---|---|---|---|
${Object.values<Topic>(topics).map(topicRow).join('\n')}
`
}

function serviceRow(service: Service): string {
  return `| ${[service.name, codes(service.consumes), codes(service.produces), service.stores.join(', ') || 'none'].join(' | ')} |`
}

function topicRow(topic: Topic): string {
  const by = (side: 'consumes' | 'produces'): string =>
    Object.values<Service>(services)
      .filter((service) => service[side].includes(topic.name))
      .map((service) => service.name)
      .join(', ') || 'people, with tools'
  const records = `${topic.records.join(', ')} (${topic.encoding})`
  const cells = [
    `\`${topic.name}\``,
    `\`${topic.key}\``,
    records,
    topic.partitions,
    kept(topic),
    by('produces'),
    by('consumes'),
  ]
  return `| ${cells.join(' | ')} |`
}

function kept(topic: Topic): string {
  if (topic.kept.cleanup === 'compact') return 'last per key'
  const { retentionMs } = topic.kept
  if (retentionMs < 0) return 'for ever'
  if (retentionMs >= 2 * dayMs) return `${retentionMs / dayMs} days`
  return retentionMs >= hourMs ? `${retentionMs / hourMs} hours` : `${retentionMs / 60_000} minutes`
}

function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

function topicId(name: string): string {
  return name.replaceAll(/[.-]/g, '_')
}

function arrow(topic: string): string {
  return topic.startsWith('llm.') ? '-->' : '-.->'
}

function renderAcls(): string {
  return `# Generated from services/flow.ts by \`${command}\`. Do not edit.
# One line is one call: kafka-acls --bootstrap-server <broker> --add <line>. The records of a run with a topic prefix need the prefix here too.
${aclLines(Object.values<Service>(services)).join('\n')}
`
}

/** Replaces what stands between the two marks; a README without them is an error, because the picture would go stale unseen. */
function withPicture(readme: string): string {
  const begin = readme.indexOf(pictureBegin)
  const end = readme.indexOf(pictureEnd)
  if (begin < 0 || end < begin) throw new Error(`README.md lacks the lines "${pictureBegin}" and "${pictureEnd}"`)
  return `${readme.slice(0, begin + pictureBegin.length)}\n${renderOverview()}\n${readme.slice(end)}`
}
