import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Secrets of an installation: kept, so that a restart knows the same sessions and the same people. */
export interface InstallationSecrets {
  /** What sessions, users and tenants are hashed with. */
  readonly hashKey: string
  /** Bearer token of an administrator of the API. */
  readonly apiToken: string
}

/** Reads `secrets.json` of a folder, or makes it (0600). */
export function keepSecrets(dir: string): InstallationSecrets {
  const path = join(dir, 'secrets.json')
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as InstallationSecrets
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secrets = { hashKey: newSecret(), apiToken: newSecret() }
  writePrivate(path, secrets)
  return secrets
}

/** Writes the tokens file of the API with one administrator, and returns its path. */
export function writeTokensFile(dir: string, name: string, apiToken: string): string {
  const path = join(dir, 'tokens.yaml')
  writePrivate(path, { tokens: [{ name, role: 'admin', tokenSha256: sha256Hex(apiToken) }] })
  return path
}

/** The file by which the `penstock` command finds the API; the returned call removes it. */
export function writeCliFile(dir: string, url: string, token: string): () => void {
  const path = join(dir, 'cli.json')
  writePrivate(path, { url, token })
  return () => rmSync(path, { force: true })
}

/** YAML is a superset of JSON, so the same writer serves both. Readable by this user only. */
export function writePrivate(path: string, content: object): void {
  // An existing file would keep its mode.
  rmSync(path, { force: true })
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
}

export function newSecret(): string {
  return randomBytes(24).toString('base64url')
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
