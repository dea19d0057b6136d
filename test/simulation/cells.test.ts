import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { binomialCdf, binomialSfGe } from '../../services/domain/stats/special-functions/binomial.ts'
import { type Aim, runOf, summaryOf } from './cell.ts'
import { cells } from './cells.ts'
import type { Results } from './results.ts'
import { simulationPage } from './simulation-page.ts'

/** Chance alone must explain what a short version misses; else it is a failure. */
const chanceMin = 1e-3

/** P of a result as bad as this when the aim is just met. A median is missed by more than half of the runs lying above it. */
function chanceOf(aim: Aim, values: readonly number[]): number {
  const n = values.length
  if (aim.kind === 'median-at-most') return binomialSfGe(values.filter((value) => value > aim.value).length, n, 0.5)
  const events = values.filter((value) => value === 1).length
  return aim.kind === 'share-at-most' ? binomialSfGe(events, n, aim.share) : binomialCdf(events, n, aim.share)
}

describe('every cell of the simulation suite, in its short version', () => {
  it.each(cells)('$name: $world', (cell) => {
    const values = Array.from({ length: cell.shortRuns }, (_, index) => runOf(cell, index + 1))
    const { value, low, high } = summaryOf(cell.aim, values)
    expect(chanceOf(cell.aim, values), `${value} (${low} to ${high}) in ${values.length} runs`).toBeGreaterThan(
      chanceMin,
    )
  })
})

it('the page says what was measured', () => {
  const file = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const results = JSON.parse(file('results.json')) as Results
  expect(file('../../services/docs/simulations.md')).toBe(simulationPage(cells, results))
})
