import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const processes = readdirSync(join(root, 'services'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  /^[^/]+\/main\.ts$/.test(file),
)
let dist = ''

/** Inside the repository, so that the compiled files find the packages as an image would. */
beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true })
  dist = mkdtempSync(join(root, '.cache/build-test-'))
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.ts'), dist], { encoding: 'utf8' })
  expect(built.status, built.stdout + built.stderr).toBe(0)
}, 120_000)

afterAll(() => rmSync(dist, { recursive: true, force: true }))

describe('npm run build', () => {
  it.each(processes)('services/%s starts from what it emits', (file) => {
    const main = join(dist, 'services', file.replace(/\.ts$/, '.js'))
    const ended = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8', timeout: 60_000 })
    expect(ended.status, ended.stderr).toBe(0)
    expect(ended.stdout.length).toBeGreaterThan(0)
  })

  it('emits no test', () => {
    expect(emitted().filter((file) => file.endsWith('.test.js'))).toEqual([])
    expect(processes.length).toBeGreaterThan(0)
  })

  it('names no .ts file at run time: the compiler rewrites imports, but not the URL of a worker', () => {
    const naming = emitted().filter(
      (file) =>
        file.endsWith('.js') &&
        /(new URL\(|from |import\()['"`][^'"`]+\.ts['"`]/.test(readFileSync(join(dist, file), 'utf8')),
    )
    expect(naming).toEqual([])
  })
})

function emitted(): readonly string[] {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
}
