import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureCached } from './cache-entry.ts'
import type { Say } from './progress.ts'
import { requireTool } from './run-tool.ts'
import { StackError } from './stack-error.ts'
import { cacheName, type Versions } from './versions.ts'

export interface ClickHouseLibrary {
  /** Folder whose node_modules hold the foreign function binding. */
  readonly modules: string
  /** libchdb, which holds the whole server. */
  readonly library: string
}

const downloadTimeoutMs = 15 * 60_000

/** Installs ClickHouse's library and the binding to call it with npm, into the cache. Throws StackError (PLATFORM, DOWNLOAD). */
export async function provisionClickHouse(cacheDir: string, versions: Versions, say: Say): Promise<ClickHouseLibrary> {
  const { clickhouse } = versions
  const key = `${process.platform}-${process.arch}`
  const platform = clickhouse.platforms[key]
  if (platform === undefined) {
    throw new StackError(
      `ClickHouse's library is not built for ${key} (there are ${Object.keys(clickhouse.platforms).join(', ')}): use \`docker compose up\` here`,
      { code: 'PLATFORM' },
    )
  }
  const modules = await ensureCached({
    cacheDir,
    name: cacheName('clickhouse', clickhouse.version, [clickhouse.ffi, platform]),
    part: 'clickhouse',
    say,
    fill: async (partial) => {
      say('clickhouse', `downloading ${clickhouse.version} with npm (546 MB unpacked)`)
      if (platform.library.integrity === null) {
        say('clickhouse', `no checksum is pinned for ${key}; npm checks against the registry's own`)
      }
      const { manifest, lock } = npmFiles(versions, key)
      await writeFile(join(partial, 'package.json'), manifest)
      await writeFile(join(partial, 'package-lock.json'), lock)
      await requireTool(
        {
          command: 'npm',
          args: ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
          cwd: partial,
          timeoutMs: downloadTimeoutMs,
          onWait: (seconds) => say('clickhouse', `still downloading, ${seconds.toFixed(0)} s`),
        },
        'ClickHouse could not be downloaded',
      )
      say('clickhouse', 'downloaded, checksums agree')
    },
  })
  const library = join(modules, 'node_modules', platform.library.name, 'libchdb.so')
  if (existsSync(library)) return { modules, library }
  throw new StackError(`${library} is missing: remove ${modules} and run again`, { code: 'DOWNLOAD' })
}

/** The manifest and the lock file for one platform. Addresses are left out: npm asks the registry it is configured for. */
export function npmFiles({ clickhouse }: Versions, key: string): { readonly manifest: string; readonly lock: string } {
  const platform = clickhouse.platforms[key]
  if (platform === undefined) throw new StackError(`no packages are pinned for ${key}`, { code: 'PLATFORM' })
  const packages = [
    { ...platform.library, version: clickhouse.version },
    { ...platform.binding, version: clickhouse.ffi.version },
    clickhouse.ffi,
  ]
  const root = {
    name: 'penstock-clickhouse',
    version: '1.0.0',
    dependencies: Object.fromEntries(packages.map(({ name, version }) => [name, version])),
  }
  const entries = packages.map(({ name, version, integrity }) => [
    `node_modules/${name}`,
    { version, ...(integrity === null ? {} : { integrity }) },
  ])
  const lock = {
    name: root.name,
    version: root.version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': root, ...Object.fromEntries(entries) },
  }
  return {
    manifest: `${JSON.stringify({ ...root, private: true }, null, 2)}\n`,
    lock: `${JSON.stringify(lock, null, 2)}\n`,
  }
}
