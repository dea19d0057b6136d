// The only script that runs on the host's Node. It installs what the lock file names when that changed, then hands over to Node 24
// from node_modules. Plain JavaScript, no packages, and nothing on stdout: what it starts may print JSON.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const hostNodeMajorMin = 20
const lockWaitMs = 15 * 60_000
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const pinnedNode = join(modules, '.bin', 'node')
const stampFile = join(modules, '.penstock-lock-hash')
const mutexFile = join(root, '.cache', 'install.lock')

function say(line) {
  process.stderr.write(`bootstrap: ${line}\n`)
}

function fail(line) {
  say(line)
  process.exit(1)
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function lockHash() {
  const lock = read(join(root, 'package-lock.json'))
  if (lock === null) fail('package-lock.json is missing: restore it with git')
  return createHash('sha256').update(lock).digest('hex')
}

/** Whether npm's own record of what it installed agrees with the lock file, as it does after `npm install <package>`. */
function installedAsLocked() {
  const installed = read(join(modules, '.package-lock.json'))
  const locked = read(join(root, 'package-lock.json'))
  if (installed === null || locked === null) return false
  const have = JSON.parse(installed).packages
  for (const [path, entry] of Object.entries(JSON.parse(locked).packages)) {
    if (path === '') continue
    if (have[path] === undefined ? !entry.optional : have[path].version !== entry.version) return false
  }
  return true
}

function isInstalled() {
  if (!existsSync(pinnedNode)) return false
  const hash = lockHash()
  if (read(stampFile)?.trim() === hash) return true
  if (!installedAsLocked()) return false
  writeFileSync(stampFile, `${hash}\n`)
  return true
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The lock file lies outside node_modules, which `npm ci` deletes. A lock whose owner died is taken over. */
async function withMutex(work) {
  mkdirSync(dirname(mutexFile), { recursive: true })
  const startedMs = Date.now()
  let told = false
  for (;;) {
    try {
      const handle = openSync(mutexFile, 'wx')
      writeSync(handle, String(process.pid))
      closeSync(handle)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const owner = Number(read(mutexFile))
    // An owner that has not written its number yet gets two seconds to do so.
    const youngMs = existsSync(mutexFile) ? Date.now() - statSync(mutexFile).mtimeMs : 0
    if (owner > 0 ? !isAlive(owner) : youngMs > 2000) {
      rmSync(mutexFile, { force: true })
      continue
    }
    if (Date.now() - startedMs > lockWaitMs)
      fail(`another installation (process ${owner}) has not ended; if it hangs, stop it and remove .cache/install.lock`)
    if (!told) say(`waiting for the installation that process ${owner} is running`)
    told = true
    await sleep(250)
  }
  const release = () => rmSync(mutexFile, { force: true })
  process.once('exit', release)
  try {
    return await work()
  } finally {
    release()
    process.off('exit', release)
  }
}

function runNpmCi() {
  return new Promise((done) => {
    const child = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', process.stderr.fd, process.stderr.fd],
    })
    child.once('error', (error) =>
      fail(`npm could not be started (${error.message}): install npm 10 or later beside Node`),
    )
    child.once('exit', (code) => done(code ?? 1))
  })
}

async function install() {
  const startedMs = Date.now()
  say('installing packages with npm ci (once; again when package-lock.json changes)')
  const code = await runNpmCi()
  if (code !== 0) {
    fail(
      `npm ci ended with code ${code}: see its message above. It needs access to the npm registry, or a cache filled before (npm ci --prefer-offline)`,
    )
  }
  const version = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' })
  if (version.status !== 0) {
    fail(
      `the pinned Node (${pinnedNode}) does not run: its install script must be allowed (npm config ignore-scripts must not be true)`,
    )
  }
  writeFileSync(stampFile, `${lockHash()}\n`)
  say(`installed in ${Math.round((Date.now() - startedMs) / 1000)} s; running on Node ${version.stdout.trim()}`)
}

/** A terminal sends Ctrl-C to the whole group: passing it on would make it two, and two mean "now". */
function forwardedSignals() {
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  return onTerminal ? ['SIGTERM', 'SIGHUP'] : ['SIGTERM', 'SIGHUP', 'SIGINT']
}

function handOver(target, args) {
  const child = spawn(pinnedNode, [resolve(root, target), ...args], { stdio: 'inherit' })
  process.on('SIGINT', () => {})
  for (const signal of forwardedSignals()) process.on(signal, () => child.kill(signal))
  child.once('error', (error) => fail(`${target} could not be started: ${error.message}`))
  child.once('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

const hostMajor = Number(process.versions.node.split('.')[0])
if (hostMajor < hostNodeMajorMin) {
  fail(
    `Node ${process.versions.node} is too old to install with: use Node ${hostNodeMajorMin} or later (the project brings its own Node 24 for everything else)`,
  )
}
if (!isInstalled()) {
  await withMutex(async () => {
    if (!isInstalled()) await install()
  })
}
const [target, ...args] = process.argv.slice(2)
if (target === undefined) say('packages are installed')
else handOver(target, args)
