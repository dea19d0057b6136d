import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AvroSchema, incompatibilities } from './schema-compatibility.ts'

const folder = fileURLToPath(new URL('../schemas/avro', import.meta.url))
const released = join(folder, 'released')
const usage = `Fails when a record in schemas/avro cannot read a released version of itself.

  check-schemas             compare with every file in schemas/avro/released
  check-schemas --release   besides, keep what differs from the newest released version as the next one
`

const unknown = process.argv.slice(2).find((argument) => !['--release', '--help'].includes(argument))
if (unknown !== undefined) {
  process.stderr.write(`check-schemas: unknown option ${unknown}\n\n${usage}`)
  process.exitCode = 2
} else if (process.argv.includes('--help')) process.stdout.write(usage)
else run(process.argv.includes('--release'))

function run(release: boolean): void {
  mkdirSync(released, { recursive: true })
  const present = new Map(
    readdirSync(folder)
      .filter((name) => name.endsWith('.avsc'))
      .map((name) => [name.slice(0, -'.avsc'.length), readFileSync(join(folder, name), 'utf8')]),
  )
  const versions = readdirSync(released)
    .map((name) => ({ name, match: /^(\w+)\.v(\d+)\.avsc$/.exec(name) }))
    .map(({ name, match }) => {
      if (match?.[1] === undefined) throw new Error(`${name} is no released version; use <Record>.v<number>.avsc`)
      return { name, record: match[1], version: Number(match[2]), text: readFileSync(join(released, name), 'utf8') }
    })
  const problems = versions.flatMap(({ name, record, text }) => {
    const now = present.get(record)
    if (now === undefined) return [`${record}: is gone, but ${name} was released; keep the record`]
    return incompatibilities(JSON.parse(now) as AvroSchema, JSON.parse(text) as AvroSchema).map(
      ({ path, problem, fix }) => `${path}: ${problem} (against ${name}); ${fix}`,
    )
  })
  if (versions.length === 0 && !release) problems.push('no released version found in schemas/avro/released')
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  if (problems.length > 0) {
    process.exitCode = 1
    return
  }
  process.stdout.write(`${present.size} records read all ${versions.length} released versions\n`)
  if (!release) return
  for (const [record, text] of present) {
    const own = versions.filter((version) => version.record === record).sort((a, b) => b.version - a.version)
    if (own[0]?.text === text) continue
    const name = `${record}.v${(own[0]?.version ?? 0) + 1}.avsc`
    writeFileSync(join(released, name), text)
    process.stdout.write(`released ${name}\n`)
  }
}
