import { readFileSync, writeFileSync } from 'node:fs'
import { compilePlan } from '../../services/domain/gate/compile-plan.ts'
import { specFromDocument } from '../../services/domain/policy/spec-from-document.ts'
import { readCases } from '../../services/domain/stats/methods/case-file.ts'
import { methods } from '../../services/domain/stats/methods/registry.ts'
import { verifyCase } from '../../services/domain/stats/methods/verify-case.ts'
import { gridErrors, type SpecialFunctionGrid } from '../../services/domain/stats/special-functions/grid-errors.ts'
import { judgeTable, scoreTable } from './statistics/recorded-judges.ts'

/** Writes the numbers of `services/docs/statistics.md` between its marks: each is computed here, none is typed. */

const page = new URL('../../services/docs/statistics.md', import.meta.url)
const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')

const shownAs: Readonly<Record<string, string>> = {
  logBinomial: 'binomial, both tails, n to 1e7 (from its logarithm)',
  logBetaCdf: 'beta distribution function (from its logarithm)',
  logNormalSf: 'normal tail, to z = ±1000 (from its logarithm)',
  logChiSquareSf: 'χ² upper tail (from its logarithm)',
  betaQuantile: 'beta quantile',
  logBeta: 'ln B(a, b)',
  logGamma: 'ln Γ(x)',
  normalQuantile: 'normal quantile, to p = 1e-307',
  studentTCdf: 't distribution function',
  studentTQuantile: 't quantile',
}

let text = readFileSync(page, 'utf8')
fill('accuracy', accuracyTable())
fill('cases', caseTable())
fill('budget', budgetTable())
fill('judges', judgeTable())
fill('scores', scoreTable())
writeFileSync(page, text)

function fill(name: string, content: string): void {
  const [before, , after] = text.split(new RegExp(`^<!-- ${name}: (?:begin|end) -->$`, 'm'))
  if (before === undefined || after === undefined) throw new Error(`the page lacks its marks for ${name}`)
  text = `${before}<!-- ${name}: begin -->\n${content}\n<!-- ${name}: end -->${after}`
}

function accuracyTable(): string {
  const grid: SpecialFunctionGrid = JSON.parse(fixture('special-functions-grid.json'))
  return [
    '| function | points | largest relative error | at |',
    '| --- | --- | --- | --- |',
    ...gridErrors(grid).map(
      ({ name, points, worst, at }) =>
        `| ${shownAs[name] ?? name} | ${points} | ${worst.toExponential(1)} | (${argumentsOf(name, at).join(', ')}) |`,
    ),
  ].join('\n')
}

/** A row of the grid without the values that it ends with. */
function argumentsOf(name: string, row: readonly number[]): readonly number[] {
  return row.slice(0, name === 'logBinomial' ? -2 : -1)
}

function caseTable(): string {
  const files = [
    ['statistics-cases.json', 'published tables, R packages, 60-digit arithmetic'],
    ['statistics-more-cases.json', 'other libraries on random and extreme inputs'],
    [
      'statistics-methods-cases.json',
      'methods that the first two do not name, by regressions, multivariate normal probabilities and brute force',
    ],
  ] as const
  const rows = files.map(([file, source]) => {
    const results = readCases(fixture(file)).map(verifyCase)
    const passed = results.filter((result) => result.passed).length
    return `| [\`${file}\`](../../test/fixtures/${file}) | ${source} | ${passed} of ${results.length} |`
  })
  return [
    `| file | values from | passed |`,
    '| --- | --- | --- |',
    ...rows,
    '',
    `${methods.size} methods, each with a case of its own.`,
  ].join('\n')
}

function budgetTable(): string {
  const result = specFromDocument(
    {
      name: 'page',
      route: 'route',
      change: 'model',
      baseline: { id: 'a', provider: 'p', model: 'a' },
      candidate: { id: 'b', provider: 'p', model: 'b' },
      routers: ['r'],
      criticalSlices: [{ key: 'tier', value: 'enterprise' }],
    },
    null,
  )
  if (result.kind === 'problems') throw new Error(JSON.stringify(result.problems))
  const plan = compilePlan(result.spec)
  const total = plan.harm.reduce((sum, test) => sum + test.alpha, 0)
  return [
    '| family | tests that share it | α each | e-value that latches or asks |',
    '| --- | --- | --- | --- |',
    ...[...new Set(plan.harm.map((test) => test.family))].map((family) => {
      const tests = plan.harm.filter((test) => test.family === family)
      const alpha = tests[0]?.alpha ?? 0
      return `| ${family} | ${tests.length} | ${alpha.toPrecision(2)} | ${Math.round(1 / alpha).toLocaleString('en-US')} |`
    }),
    '',
    `Sum over all ${plan.harm.length} tests: ${total.toPrecision(2)}. Looks at ${plan.looks.map(({ fraction, bound }) => `${fraction.toFixed(3)} (z = ${bound.toFixed(2)})`).join(', ')} of the largest information.`,
  ].join('\n')
}
