import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeVersion } from '../../services/domain/gate/code-version.ts'
import { type Cell, type Summary, summaryOf } from './cell.ts'

/** What one cell measured, and with which gate. */
export interface CellResult extends Summary {
  readonly cell: string
  /** Runs 1 to this; see `seedOf` for the seed of each. */
  readonly runs: number
  /** Runs that ended in what is counted; null where something is measured. */
  readonly events: number | null
  /** Hash of the plan that the gate was given; null where no gate decides. */
  readonly planHash: string | null
  readonly codeVersion: string
  /** `sourceDigest` when it was measured. */
  readonly sources: string
  readonly processorSeconds: number
}

export interface Results {
  readonly seeds: string
  readonly machine: { readonly processor: string; readonly cores: number; readonly node: string }
  readonly cells: Readonly<Record<string, CellResult>>
}

export const seedRule =
  'run r of cell c draws from xorshift128 seeded by FNV-1a(c) + r × 0x9e3779b1; naive/ cells take the c of their data'

export function resultOf(cell: Cell, values: readonly number[], sources: string, processorSeconds: number): CellResult {
  const isShare = cell.aim.kind !== 'median-at-most'
  return {
    cell: cell.name,
    runs: values.length,
    ...summaryOf(cell.aim, values),
    events: isShare ? values.filter((value) => value === 1).length : null,
    planHash: cell.plan?.hash ?? null,
    codeVersion,
    sources,
    processorSeconds: Math.round(10 * processorSeconds) / 10,
  }
}

/**
 * SHA-256 (first 12 hex) of all that the measured numbers rest on: the code of gate and statistics, and the worlds. Tests are left out, and
 * what lies in folders of its own below the worlds. */
export function sourceDigest(root: string): string {
  const hash = createHash('sha256')
  for (const folder of [
    'services/domain/gate',
    'services/domain/stats',
    'services/domain/scoring',
    'test/simulation',
  ]) {
    const files = readdirSync(join(root, folder), { recursive: folder.startsWith('services'), encoding: 'utf8' })
    for (const file of files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts')).sort())
      hash.update(`${folder}/${file}\0${readFileSync(join(root, folder, file), 'utf8')}\0`)
  }
  return hash.digest('hex').slice(0, 12)
}

/** What was kept; null when there is nothing. */
export function readResults(path: string): Results | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Results
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
