import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** One static check: a program that ends with 0 when all is well. */
export interface Tool {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Reads the output of a tool that ended with 0 and returns what is wrong all the same. */
  readonly distrust?: (output: string) => string | null
}

/** What `npm run check` runs, longest first, so that two at a time end together. */
export function checkTools(root: string): readonly Tool[] {
  return [
    { name: 'types (tsc)', command: 'tsc', args: ['--noEmit', '-p', 'tsconfig.json'] },
    { name: 'typed rules (eslint)', command: 'eslint', args: ['--max-warnings', '0', '.'] },
    {
      name: 'import rules (dependency-cruiser)',
      command: 'depcruise',
      args: ['--config', '.dependency-cruiser.cjs', ...foldersPresent(root), 'vitest.config.ts'],
      distrust: distrustCruise,
    },
    { name: 'unused code and packages (knip)', command: 'knip', args: ['--no-config-hints'] },
    {
      name: 'format and lint (biome)',
      command: 'biome',
      args: ['check', '--error-on-warnings', '--max-diagnostics=200', '.'],
    },
    { name: 'layout and names', command: 'node', args: ['scripts/check-layout.ts'] },
    ...(existsSync(join(root, 'scripts/check-schemas.ts'))
      ? [{ name: 'schemas compatible', command: 'node', args: ['scripts/check-schemas.ts'] }]
      : []),
    { name: 'generated files fresh', command: 'node', args: ['scripts/generate.ts', '--check'] },
  ]
}

function foldersPresent(root: string): readonly string[] {
  return ['services', 'scripts', 'infra', 'test'].filter((folder) => existsSync(join(root, folder)))
}

/**
 * `distrustCruise` reads what dependency-cruiser printed before an exit code of 0. With a TypeScript it does not support it sees no modules
 * and is content; and its exit code is the number of violations, which wraps around at 256.
 */
export function distrustCruise(output: string): string | null {
  const seen = /no dependency violations found \((\d+) modules/.exec(output)
  if (seen === null) return 'it did not say that it found no violation'
  return Number(seen[1]) > 0 ? null : 'it saw no modules at all: does it support this TypeScript?'
}
