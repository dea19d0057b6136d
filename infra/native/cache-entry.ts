import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { acquireLock } from './process-lock.ts'
import type { Say } from './progress.ts'
import { StackError } from './stack-error.ts'

export interface CacheEntry {
  readonly cacheDir: string
  /** Folder name in the cache; a folder of that name is complete, because it got its name last. */
  readonly name: string
  readonly part: string
  /** Fills an empty folder. Whatever it leaves when it throws is removed. */
  readonly fill: (folder: string) => Promise<void>
  readonly say: Say
}

const lockTimeoutMs = 15 * 60_000
const diskBytesMin = 2e9

/** The folder of an entry, filled first if it is not there yet. Safe against other runs and against dying at any point. */
export async function ensureCached(entry: CacheEntry): Promise<string> {
  const folder = join(entry.cacheDir, entry.name)
  if (existsSync(folder)) return folder
  const lock = await acquireLock(join(entry.cacheDir, 'locks', `${entry.name}.lock`), lockTimeoutMs, () =>
    entry.say(entry.part, 'waiting for another run that is downloading it'),
  )
  try {
    if (existsSync(folder)) return folder
    await requireDisk(entry.cacheDir, diskBytesMin)
    const partial = `${folder}.partial`
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    try {
      await entry.fill(partial)
      await rename(partial, folder)
    } catch (error) {
      await rm(partial, { recursive: true, force: true })
      throw error
    }
    return folder
  } finally {
    lock.release()
  }
}

/** Throws StackError (DISK) when the file system of a folder has less free than `bytesMin`. */
export async function requireDisk(folder: string, bytesMin: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= bytesMin) return
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
  throw new StackError(
    `${folder} has ${gigabytes(free)} free, ${gigabytes(bytesMin)} are needed: free some, or put the cache elsewhere with PENSTOCK_CACHE_DIR and the data with --dir`,
    { code: 'DISK' },
  )
}

/** Throws StackError (CHECKSUM) unless the folder holds exactly the files named, each with its SHA-256. */
export async function verifyFolder(folder: string, sha256: Readonly<Record<string, string>>): Promise<void> {
  const present = await readdir(folder)
  const missing = Object.keys(sha256).filter((name) => !present.includes(name))
  const extra = present.filter((name) => sha256[name] === undefined)
  if (missing.length > 0 || extra.length > 0) {
    throw new StackError(
      `${dirname(folder)}: files differ from versions.json; missing: ${missing.join(', ') || 'none'}; not pinned: ${extra.join(', ') || 'none'}`,
      { code: 'CHECKSUM' },
    )
  }
  for (const [name, expected] of Object.entries(sha256)) await verifyFile(join(folder, name), expected)
}

/** Throws StackError (CHECKSUM) unless the file has that SHA-256. */
export async function verifyFile(path: string, expected: string): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  const actual = hash.digest('hex')
  if (actual === expected) return
  throw new StackError(
    `${path} has SHA-256 ${actual}, versions.json says ${expected}: remove that artifact from the local Maven repository (it may be damaged) and run again; if it stays so, do not use it`,
    { code: 'CHECKSUM' },
  )
}
