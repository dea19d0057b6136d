import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { resampledMean } from '../../../services/domain/stats/bootstrap/resampled-mean.ts'
import { exactNetWin } from '../../../services/domain/stats/bootstrap/win-tie-loss.ts'
import { cohenKappa } from '../../../services/domain/stats/judge/cohen-kappa.ts'
import { judgeFaults } from '../../../services/domain/stats/judge/judge-fitness.ts'
import { positionBias, type SwapTable, winRate } from '../../../services/domain/stats/judge/win-rate.ts'

/** Recorded judges and scores through the statistics: markdown tables for the page. */

const recorded = (name: string) => readFileSync(new URL(`../../fixtures/recorded/${name}`, import.meta.url))

type Winner = 'candidate' | 'baseline' | 'tie'

/** The first answer of a pair stands for the candidate; an unreadable verdict is a tie. */
function winnerOf(verdict: string): Winner {
  if (verdict === '') return 'tie'
  return verdict === '1' ? 'candidate' : 'baseline'
}

interface Judged {
  readonly judge: string
  readonly gold: Winner
  readonly shownFirst: Winner
  readonly shownSecond: Winner
}

function judgedPairs(): readonly Judged[] {
  const [, ...lines] = gunzipSync(recorded('llmbar-verdicts-both-orders.csv.gz')).toString('utf8').trim().split(/\r?\n/)
  return lines.map((line) => {
    const [, judge = '', strategy = '', gold = '', original = '', swapped = ''] = line.split(',')
    const winners = { gold: winnerOf(gold), shownFirst: winnerOf(original), shownSecond: winnerOf(swapped) }
    return { judge: `${judge}, ${strategy}`, ...winners }
  })
}

function swapTable(pairs: readonly Judged[]): SwapTable {
  const table: Record<string, number> = {}
  for (const first of ['candidate', 'baseline', 'tie'])
    for (const second of ['candidate', 'baseline', 'tie']) table[`${first}/${second}`] = 0
  for (const { shownFirst, shownSecond } of pairs) {
    const cell = `${shownFirst}/${shownSecond}`
    table[cell] = (table[cell] ?? 0) + 1
  }
  return table as SwapTable
}

/** κ between the answer that people prefer and the one that the judge prefers in both orders; where the orders disagree it has none (a tie). */
function agreement(pairs: readonly Judged[]) {
  const winners = ['candidate', 'baseline', 'tie'] as const
  const consistent = ({ shownFirst, shownSecond }: Judged): Winner => (shownFirst === shownSecond ? shownFirst : 'tie')
  return cohenKappa(
    winners.map((judge) =>
      winners.map((gold) => pairs.filter((pair) => consistent(pair) === judge && pair.gold === gold).length),
    ),
    0.05,
  )
}

/** One row a judge: is it fit to feed a gate, and if not, why. */
export function judgeTable(): string {
  const pairs = judgedPairs()
  const rows = [...new Set(pairs.map(({ judge }) => judge))].map((judge) => {
    const own = pairs.filter((pair) => pair.judge === judge)
    const table = swapTable(own)
    const { consistency, firstShare } = winRate(table)
    const { midP } = positionBias({
      firstWinsBoth: table['candidate/baseline'],
      secondWinsBoth: table['baseline/candidate'],
    })
    const { kappa, interval } = agreement(own)
    const faults = judgeFaults({
      labels: own.length,
      kappa: kappa ?? 0,
      kappaLower: interval?.[0] ?? -1,
      humanKappa: null,
      consistency: consistency ?? 0,
      firstShare,
    })
    const said = faults.length === 0 ? '**fit**' : faults.join(', ').replaceAll('_', ' ')
    const bias = `${percent(firstShare ?? 0)} (p ${midP < 0.001 ? '< .001' : `= ${midP.toFixed(3)}`})`
    return { kappa: kappa ?? 0, cells: [judge, own.length, fixed(kappa), percent(consistency ?? 0), bias, said] }
  })
  return [
    '| judge, prompt | pairs | κ with people | same winner in both orders | decisive calls won by the answer shown first (sign test of the bias) | may it feed a gate |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.sort((a, b) => b.kappa - a.kappa).map(({ cells }) => `| ${cells.join(' | ')} |`),
  ].join('\n')
}

const baseline = 'gpt-4-0314'
const candidates = ['gpt-4-1106-preview', 'claude-1', 'gpt-3.5-turbo', 'gpt-3.5-turbo-1106', 'vicuna-33b-v1.3']

/** One row a model that would replace the baseline: score, net win, and what a gate with a margin of half a point of ten would say at a fixed look. */
export function scoreTable(): string {
  const [header = '', ...lines] = recorded('arena-bench-v1-gpt4-scores.csv').toString('utf8').trim().split(/\r?\n/)
  const columns = header.split(',')
  const scores = lines.map((line) => line.split(','))
  const of = (model: string) => scores.map((row) => row[columns.indexOf(model)] ?? '')
  const rows = candidates.map((model) => {
    const differences = of(model).flatMap((score, index) => {
      const before = of(baseline)[index] ?? ''
      return score === '' || before === '' ? [] : [Number(score) - Number(before)]
    })
    const { mean, percentile } = resampledMean(differences, { resamples: 10_000, seed: model, alpha: 0.05 })
    const wins = differences.filter((difference) => difference > 0).length
    const losses = differences.filter((difference) => difference < 0).length
    const net = exactNetWin({ wins, losses, ties: differences.length - wins - losses }, 0.05)
    const shown = `${signed(mean)} (${signed(percentile[0])} to ${signed(percentile[1])})`
    const netShown = `${signed(net.estimate)} (${signed(net.percentile[0])} to ${signed(net.percentile[1])})`
    return [model, differences.length, lines.length - differences.length, shown, netShown, stateOf(percentile)]
  })
  return [
    `| instead of ${baseline} | pairs | unreadable | score of ten | net win | state at a margin of 0.5 |`,
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n')
}

function stateOf([low, high]: readonly [number, number]): string {
  if (high < -0.5) return 'unacceptable'
  if (high < 0) return 'worse'
  if (low > 0) return 'better'
  return low > -0.5 ? 'acceptable' : 'unclear'
}

function fixed(value: number | null): string {
  return value === null ? 'none' : value.toFixed(2)
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}
