import type { AnalysisPlan } from '../../services/domain/gate/plan.ts'
import { clopperPearson } from '../../services/domain/stats/unpaired/proportion-interval.ts'
import { type Draw, uniforms } from './draws.ts'
import { median } from './rates.ts'

/** What a cell must show. `share`: of runs that end in what is counted; `median`: of what the runs measure. */
export type Aim =
  | { readonly kind: 'share-at-most' | 'share-at-least'; readonly share: number }
  | { readonly kind: 'median-at-most'; readonly value: number; readonly unit: string; readonly worst?: number }

/** One world, simulated many times through the real gate (or, in a control, through the rule that the gate does not use). */
export interface Cell {
  /** `group/name`, as given to --cell. */
  readonly name: string
  /** The cell whose draws this one repeats; its own when absent. */
  readonly dataOf?: string
  /** One sentence: the world, and what is counted or measured. */
  readonly world: string
  readonly aim: Aim
  /** What the gate was told to do; null where no gate decides. */
  readonly plan: AnalysisPlan | null
  /** Runs in the short version that npm test runs. */
  readonly shortRuns: number
  /** One run: 1 or 0 for a share, else what is measured. */
  run(uniform: Draw): number
}

export interface Summary {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly worst: number
}

/** One-sided 95 % limits either way: of the share by Clopper and Pearson, of the median by order statistics (binomial ranks at ½). */
export function summaryOf(aim: Aim, values: readonly number[]): Summary {
  const n = values.length
  if (aim.kind !== 'median-at-most') {
    const events = values.filter((value) => value === 1).length
    const [low, high] = clopperPearson({ events, n, alpha: 0.1 }).interval
    return { value: events / n, low, high, worst: Math.max(...values) }
  }
  const sorted = [...values].sort((a, b) => a - b)
  const half = (1.645 * Math.sqrt(n)) / 2
  const at = (rank: number) => sorted[Math.min(n - 1, Math.max(0, rank))] ?? Number.NaN
  const [low, high] = [at(Math.floor(n / 2 - half)), at(Math.ceil(n / 2 + half))]
  return { value: median(values), low, high, worst: sorted.at(-1) ?? Number.NaN }
}

/** True when the measured value keeps what the cell must show. */
export function isMet(aim: Aim, { value, worst }: Pick<Summary, 'value' | 'worst'>): boolean {
  if (aim.kind === 'median-at-most') return value <= aim.value && worst <= (aim.worst ?? Number.POSITIVE_INFINITY)
  return aim.kind === 'share-at-most' ? value <= aim.share : value >= aim.share
}

/** The `run`-th run of a cell, from 1. */
export function runOf(cell: Cell, run: number): number {
  return cell.run(uniforms(seedOf(cell.dataOf ?? cell.name, run)))
}

/** Seed of a run: from the cell's name (FNV-1a), so that adding a cell changes no other. */
function seedOf(cell: string, run: number): number {
  let hash = 0x811c9dc5
  for (const character of cell) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return (hash + Math.imul(run, 0x9e3779b1)) | 0
}
