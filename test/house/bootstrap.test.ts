import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
let project = ''

/** A project of its own with an npm that only notes that it was called and puts a "node" where the package would. */
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'penstock-bootstrap-'))
  mkdirSync(join(project, 'scripts'))
  mkdirSync(join(project, 'bin'))
  cpSync(join(root, 'scripts/bootstrap.mjs'), join(project, 'scripts/bootstrap.mjs'))
  writeLock('one')
  writeNpm(`sleep 0.3; mkdir -p node_modules/.bin; ln -sf "${process.execPath}" node_modules/.bin/node`)
  writeFileSync(join(project, 'target.mjs'), 'console.log(JSON.stringify(process.argv.slice(2))); process.exit(7)\n')
})

afterEach(() => rmSync(project, { recursive: true, force: true }))

describe('bootstrap', () => {
  it('installs once, hands its arguments over and ends with the code of what it started', () => {
    const first = bootstrap('target.mjs', 'a b', '--json')
    expect(first).toMatchObject({ status: 7, stdout: '["a b","--json"]\n' })
    expect(bootstrap('target.mjs').status).toBe(7)
    expect(installations()).toBe(1)
  })

  it('installs again when the lock file changes', () => {
    bootstrap('target.mjs')
    writeLock('two')
    bootstrap('target.mjs')
    expect(installations()).toBe(2)
  })

  it('does not install again what npm install has already brought', () => {
    bootstrap('target.mjs')
    writeLock('two')
    cpSync(join(project, 'package-lock.json'), join(project, 'node_modules/.package-lock.json'))
    bootstrap('target.mjs')
    expect(installations()).toBe(1)
  })

  it('installs again when an installation was cut short', () => {
    bootstrap('target.mjs')
    rmSync(join(project, 'node_modules/.penstock-lock-hash'))
    bootstrap('target.mjs')
    expect(installations()).toBe(2)
  })

  it('lets one of two at a time install while the other waits', async () => {
    const codes = await Promise.all([inBackground().ended, inBackground().ended])
    expect(codes).toEqual([7, 7])
    expect(installations()).toBe(1)
  })

  it('takes over the lock of an installation that died', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    mkdirSync(join(project, '.cache'))
    writeFileSync(join(project, '.cache/install.lock'), String(dead))
    expect(bootstrap('target.mjs').status).toBe(7)
    expect(existsSync(join(project, '.cache/install.lock'))).toBe(false)
  })

  it('says so when npm fails, and leaves nothing that looks installed', () => {
    writeNpm('echo "no such registry" >&2; exit 3')
    const ended = bootstrap('target.mjs')
    expect(ended.status).toBe(1)
    expect(ended.stderr).toContain('no such registry')
    expect(ended.stderr).toContain('npm ci ended with code 3')
    expect(existsSync(join(project, 'node_modules/.penstock-lock-hash'))).toBe(false)
  })

  it('passes a signal on and ends as its child did', async () => {
    bootstrap('target.mjs')
    writeFileSync(
      join(project, 'target.mjs'),
      'process.on("SIGTERM", () => process.exit(9)); setInterval(() => {}, 1000); console.log("ready")\n',
    )
    const running = inBackground()
    await running.spoke
    running.child.kill('SIGTERM')
    expect(await running.ended).toBe(9)
  })
})

function environment(): NodeJS.ProcessEnv {
  return { PATH: [join(project, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) }
}

function bootstrap(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['scripts/bootstrap.mjs', ...args], {
    cwd: project,
    encoding: 'utf8',
    env: environment(),
  })
}

function inBackground() {
  const child = spawn(process.execPath, ['scripts/bootstrap.mjs', 'target.mjs'], { cwd: project, env: environment() })
  return {
    child,
    spoke: new Promise<void>((done) => child.stdout.once('data', () => done())),
    ended: new Promise<number | null>((done) => child.once('exit', done)),
  }
}

function installations(): number {
  return readFileSync(join(project, 'npm-calls'), 'utf8').trim().split('\n').length
}

function writeNpm(body: string): void {
  const npm = join(project, 'bin/npm')
  writeFileSync(npm, `#!/bin/sh\necho called >> npm-calls\nrm -rf node_modules\n${body}\n`)
  chmodSync(npm, 0o755)
}

function writeLock(version: string): void {
  const packages = { '': {}, 'node_modules/node': { version } }
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ packages }))
}
