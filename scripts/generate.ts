import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateApi } from './generate-api.ts'
import { generateMap } from './generate-map.ts'
import { generateRecords } from './generate-records.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const checkOnly = process.argv.includes('--check')
const stale: string[] = []

for (const [path, draft] of [...generateRecords(root), ...generateMap(root), ...(await generateApi(root))]) {
  const content = /\.(ts|json)$/.test(path) ? formatted(path, draft) : draft
  const absolute = `${root}/${path}`
  if (read(absolute) === content) continue
  stale.push(path)
  if (checkOnly) continue
  mkdirSync(dirname(absolute), { recursive: true })
  writeFileSync(absolute, content)
}

if (checkOnly && stale.length > 0) {
  process.stderr.write(`stale generated files (run \`npm run generate\`): ${stale.join(', ')}\n`)
  process.exitCode = 1
} else {
  process.stdout.write(stale.length === 0 ? 'generated files are fresh\n' : `wrote ${stale.join(', ')}\n`)
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** Generated code is formatted like the rest, so that one command is the judge of all of it. */
function formatted(path: string, draft: string): string {
  const biome = resolve(root, 'node_modules/.bin/biome')
  const ended = spawnSync(biome, ['format', `--stdin-file-path=${path}`], { cwd: root, input: draft, encoding: 'utf8' })
  if (ended.status !== 0) throw new Error(`biome could not format ${path}: ${ended.stderr}`)
  return ended.stdout
}
