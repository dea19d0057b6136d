import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** Where downloads are kept: PENSTOCK_CACHE_DIR, else `.cache/native` in the repository. Several clones may share one. */
export function defaultCacheDir(): string {
  return resolve(process.env['PENSTOCK_CACHE_DIR'] || join(repositoryRoot, '.cache', 'native'))
}

/** Where the development stack keeps its data: PENSTOCK_STACK_DIR, else `.penstock/stack` in the repository. */
export function defaultStackDir(): string {
  return resolve(process.env['PENSTOCK_STACK_DIR'] || join(repositoryRoot, '.penstock', 'stack'))
}

/** The environment servers inherit, without what would change how they run. */
export function inheritedEnvironment(): Readonly<Record<string, string | undefined>> {
  const { NODE_OPTIONS: _, JAVA_TOOL_OPTIONS: __, ...rest } = process.env
  return rest
}
