import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'))
const linesMax = { root: 80, file: 400 }
const skipped = new Set(['node_modules', 'dist', '.git', '.cache', '.penstock', 'coverage', 'known-bad'])
const emptyName = /^(utils?|helpers?|common|shared|misc)(\.|$)/
const textFile = /\.(ts|mjs|cjs|json|md|ya?ml|xml|sql|sh|txt|properties)$/
const machinePaths = /(^|[\s"'`(=:])(\/(root|home|work|Users)\/[\w.-]+)/m
const kebab = /^[a-z0-9]+([.-][a-z0-9]+)*$/

const problems = filesBelow('').flatMap(problemsOf)
for (const problem of problems) process.stderr.write(`${problem}\n`)
if (problems.length > 0) process.exitCode = 1

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return []
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}

function problemsOf(path: string): readonly string[] {
  const problems: string[] = []
  const empty = path.split('/').find((part) => emptyName.test(part))
  if (empty !== undefined) {
    problems.push(`[layout/no-empty-names] ${path}: "${empty}" says nothing; name it for what it holds`)
  }
  if (!textFile.test(path)) return problems
  const text = readFileSync(join(root, path), 'utf8')
  const machinePath = machinePaths.exec(text)
  if (machinePath !== null) {
    problems.push(
      `[layout/no-machine-paths] ${path}: "${machinePath[2]}" exists on one machine only; take it from configuration`,
    )
  }
  if (!path.endsWith('.ts')) return problems
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (!kebab.test(name)) problems.push(`[layout/kebab-case] ${path}: file names are kebab-case`)
  const lines = text.split('\n').length - 1
  const isRoot = /^services\/[^/]+\/main\.ts$/.test(path)
  const limit = isRoot ? linesMax.root : linesMax.file
  if (lines > limit) {
    problems.push(
      `[layout/${isRoot ? 'short-composition-root' : 'short-files'}] ${path}: ${lines} lines, at most ${limit}`,
    )
  }
  return problems
}
