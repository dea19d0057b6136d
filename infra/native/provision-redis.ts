import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureCached } from './cache-entry.ts'
import type { Say } from './progress.ts'
import { requireTool, runTool } from './run-tool.ts'
import { StackError } from './stack-error.ts'
import { cacheName, type Versions } from './versions.ts'

export interface RedisBinary {
  readonly command: string
  /** Where libraries unpacked beside it are; null for an installed one. */
  readonly libraryPath: string | null
}

const downloadTimeoutMs = 5 * 60_000

/**
 * The Redis of the machine, else Debian's package unpacked into the cache without installing it. Throws StackError (MISSING_TOOL) when
 * neither works. `lookOnPath` false is for trying the second way on a machine that has the first.
 */
export async function provisionRedis(
  cacheDir: string,
  { redis }: Versions,
  say: Say,
  { lookOnPath = true }: { readonly lookOnPath?: boolean } = {},
): Promise<RedisBinary> {
  if (lookOnPath) {
    const { code, output } = await runTool({ command: 'redis-server', args: ['--version'], timeoutMs: 30_000 })
    if (code === 0 && isAtLeast(output, redis.versionMin)) return { command: 'redis-server', libraryPath: null }
    if (code === 0) say('redis', `the installed Redis is older than ${redis.versionMin}; looking for Debian's`)
  }
  const debian = await runTool({ command: 'apt-get', args: ['--version'], timeoutMs: 30_000 })
  const dpkg = await runTool({ command: 'dpkg', args: ['--version'], timeoutMs: 30_000 })
  if (debian.code !== 0 || dpkg.code !== 0) throw missing(redis.versionMin)
  const folder = await ensureCached({
    cacheDir,
    name: cacheName('redis', 'debian', redis),
    part: 'redis',
    say,
    fill: (partial) => unpackDebian(partial, redis, say),
  })
  return unpackedIn(folder)
}

function missing(versionMin: string): StackError {
  return new StackError(
    `Redis ${versionMin} or later is missing: install it (Debian: \`apt-get install redis-server\`, Fedora: \`dnf install redis\`, macOS: \`brew install redis\`)`,
    { code: 'MISSING_TOOL' },
  )
}

/** Whether the first dotted number in a text is at least a version. */
export function isAtLeast(text: string, versionMin: string): boolean {
  const found = /(\d+)\.(\d+)\.(\d+)/.exec(text)
  if (found === null) return false
  const wanted = versionMin.split('.').map(Number)
  for (let place = 0; place < wanted.length; place += 1) {
    const difference = Number(found[place + 1]) - (wanted[place] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

/** apt checks what it downloads against the distribution's signed index; that is the checksum here, as versions differ between releases. */
async function unpackDebian(partial: string, redis: Versions['redis'], say: Say): Promise<void> {
  say('redis', 'not on PATH; unpacking the Debian package into the cache')
  await downloadAndUnpack(partial, redis.debianPackages, redis.versionMin)
  const binary = unpackedIn(partial)
  for (let round = 0; round < 3; round += 1) {
    const packages = new Set((await missingLibraries(binary)).map((library) => packageOf(library, redis)))
    if (packages.size === 0) break
    await downloadAndUnpack(partial, [...packages], redis.versionMin)
  }
  const { code, output } = await runTool({
    command: 'env',
    args: [`LD_LIBRARY_PATH=${binary.libraryPath}`, binary.command, '--version'],
    timeoutMs: 30_000,
  })
  if (code !== 0 || !isAtLeast(output, redis.versionMin)) {
    throw new StackError(`Debian's Redis does not run here: ${output.trim()}\n${missing(redis.versionMin).message}`, {
      code: 'MISSING_TOOL',
    })
  }
}

function packageOf(library: string, redis: Versions['redis']): string {
  const name = redis.debianLibraries[library]
  if (name !== undefined) return name
  throw new StackError(`Redis needs ${library}, which no known package has: install redis-server`, {
    code: 'MISSING_TOOL',
  })
}

async function downloadAndUnpack(folder: string, packages: readonly string[], versionMin: string): Promise<void> {
  const archives = join(folder, 'archives')
  await mkdir(archives, { recursive: true })
  await requireTool(
    { command: 'apt-get', args: ['download', ...packages], cwd: archives, timeoutMs: downloadTimeoutMs },
    `${missing(versionMin).message}\n  (unpacking the Debian package was tried as well; \`apt-get update\` may help)`,
  )
  for (const archive of await readdir(archives)) {
    await requireTool(
      { command: 'dpkg', args: ['-x', join(archives, archive), join(folder, 'root')], timeoutMs: 60_000 },
      'the Redis package could not be unpacked',
    )
  }
}

async function missingLibraries(binary: RedisBinary): Promise<readonly string[]> {
  const { output } = await runTool({
    command: 'env',
    args: [`LD_LIBRARY_PATH=${binary.libraryPath}`, 'ldd', binary.command],
    timeoutMs: 30_000,
  })
  return [...output.matchAll(/^\s*(\S+) => not found/gm)].flatMap((match) => match[1] ?? [])
}

function unpackedIn(folder: string): RedisBinary {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const libraries = [join(folder, 'root', 'usr', 'lib', triplet), join(folder, 'root', 'lib', triplet)]
  const command = join(folder, 'root', 'usr', 'bin', 'redis-server')
  if (!existsSync(command))
    throw new StackError(`${command} is missing from the Debian package`, { code: 'MISSING_TOOL' })
  return { command, libraryPath: libraries.join(':') }
}
