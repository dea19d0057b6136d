import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

interface NpmPackage {
  readonly name: string
  /** null: the package of this platform was never installed by us; npm then checks it against the registry's own record only. */
  readonly integrity: string | null
}

/** What versions.json pins: everything the stack downloads, with checksums. */
export interface Versions {
  readonly java: { readonly majorMin: number }
  readonly maven: { readonly dependencyPlugin: string }
  readonly kafka: {
    readonly version: string
    readonly artifacts: readonly string[]
    readonly sha256: Readonly<Record<string, string>>
  }
  readonly registry: {
    readonly version: string
    readonly artifact: string
    readonly archive: string
    readonly sha256: string
    readonly jar: string
  }
  readonly redis: {
    readonly versionMin: string
    readonly debianPackages: readonly string[]
    readonly debianLibraries: Readonly<Record<string, string>>
  }
  readonly clickhouse: {
    readonly version: string
    readonly ffi: NpmPackage & { readonly version: string }
    readonly platforms: Readonly<Record<string, { readonly library: NpmPackage; readonly binding: NpmPackage }>>
  }
}

export const versions = JSON.parse(readFileSync(new URL('./versions.json', import.meta.url), 'utf8')) as Versions

/** Folder of a provisioned part in the cache: changes with anything that is pinned for it, so an old cache is never mistaken for a new one. */
export function cacheName(part: string, version: string, pins: unknown): string {
  return `${part}-${version}-${createHash('sha256').update(JSON.stringify(pins)).digest('hex').slice(0, 8)}`
}
