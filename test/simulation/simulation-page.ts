import { type Cell, isMet } from './cell.ts'
import type { CellResult, Results } from './results.ts'

/** Which cell or test shows each behaviour that a gate must have. */
const behaviours: readonly (readonly [string, string])[] = [
  ['a harmless run is rolled back in at most 5 %, looked at a hundred times', '`null/*`, above all `null/all-at-once`'],
  ['the simulation can see peeking', '`naive/one-pair-a-session`, `naive/*`'],
  [
    'sessions of 20 pairs keep the level, a test of every pair does not',
    '`null/twenty-pairs-a-session`, `naive/twenty-pairs-a-session`',
  ],
  ['harm of 6 points and a rate ratio of 5 are stopped in time', '`harm/six-points*`, `harm/rate-ratio-5`'],
  ['a planted segment is found, and nothing advances while it has too few pairs', '`slice/*`, `search/*`'],
  ['one pair short never advances, and looks are never free', '`advance/one-pair-short`, `advance/*-at-margin`'],
  ['of several primaries none is called better that is not', '`claim/none-better`, `naive/claim-without-holm`'],
  [
    'a judge that always takes the first answer decides nothing',
    '[`judge.test.ts`](../domain/stats/judge/judge.test.ts)',
  ],
  ['a base rate that swings while the share grows is no harm', '`null/shares-and-tenants`, `naive/raw-rates`'],
  [
    'failures of the candidate are its errors, lost legs hold',
    '`harm/always-fails*`, [`run-gate.test.ts`](../domain/gate/run-gate.test.ts)',
  ],
  [
    'better on one, worse on another goes to a person',
    '[`stream-rules.test.ts`](../../test/simulation/stream-rules.test.ts)',
  ],
  [
    'the same evidence gives the same verdict in any order, batch and repetition',
    '[`determinism.test.ts`](../../test/simulation/determinism.test.ts)',
  ],
  [
    'nothing, one unit, all ties, one empty arm and impossible values have defined answers',
    '[`impossible-counts.test.ts`](../domain/stats/impossible-counts.test.ts), [`never-nan.test.ts`](../domain/stats/methods/never-nan.test.ts)',
  ],
]

/** The page of results: one row a cell, with what was asked, what was measured, its limits and the number of runs. */
export function simulationPage(cells: readonly Cell[], results: Results): string {
  const measured = cells.flatMap((cell) => {
    const result = results.cells[cell.name]
    return result === undefined ? [] : [{ cell, result }]
  })
  const missing = cells.filter(({ name }) => results.cells[name] === undefined).map(({ name }) => `\`${name}\``)
  const sources = [...new Set(measured.map(({ result }) => result.sources))]
  const seconds = measured.reduce((sum, { result }) => sum + result.processorSeconds, 0)
  const { processor, cores, node } = results.machine
  return `# Simulations

Each cell is one world, run many times from fixed seeds through the gate itself (compiled policy, evidence, release order, harm tests, looks, verdict), in virtual
time. The cells under \`naive/\` are the same worlds from the same seeds, read by a rule that the gate does not use: an e-process at 5 % with one mistake, or what the row says.
They must fail visibly, or the simulation could not see anything. Limits are one-sided 95 % limits either way (Clopper and Pearson for shares, order statistics for medians).
The last column says \`met\` when the measured value keeps the aim, \`unclear\` when only one of its limits does, \`missed\` when neither does.

A gate latches with the record that breaches and never takes it back: one look at the end of a run sees what any number of looks would have seen.

| cell | world, and what is counted | aim | measured | limits | runs | |
|---|---|---|---|---|---|---|
${measured.map(({ cell, result }) => row(cell, result)).join('\n')}

${missing.length === 0 ? 'Every cell is measured.' : `Not measured yet: ${missing.join(', ')}.`} \`npm run simulate\` measures all with 2,000 runs each, \`npm run simulate -- --cell NAME\` one row;
the same runs give the same numbers. Rows above took ${Math.round(seconds / 60)} minutes of processor time (${processor}, ${cores} cores, Node ${node}). Raw results, with plan and source hashes: [\`results.json\`](../../test/simulation/results.json).
${sources.length > 1 ? `Rows were measured with ${sources.length} versions of the sources; \`results.json\` says which.\n` : ''}\`npm test\` runs every cell with fewer runs.

## Which cell shows what

| behaviour | shown by |
|---|---|
${behaviours.map(([behaviour, by]) => `| ${behaviour} | ${by} |`).join('\n')}
`
}

function row({ name, world, aim }: Cell, result: CellResult): string {
  const { value, low, high, worst, runs } = result
  const isMedian = aim.kind === 'median-at-most'
  const asked = isMedian
    ? `median ≤ ${aim.value} ${aim.unit}${aim.worst === undefined ? '' : `, worst ≤ ${aim.worst}`}`
    : `${aim.kind === 'share-at-most' ? '≤' : '≥'} ${percent(aim.share)}`
  const shown = isMedian ? (number: number) => String(number ?? 'never') : percent
  const best = aim.kind === 'share-at-least' ? high : low
  const met = isMet(aim, result) ? 'met' : isMet(aim, { value: best, worst }) ? 'unclear' : 'missed'
  const measured = isMedian ? `${shown(value)}, worst ${shown(worst)}` : percent(value)
  return `| ${name} | ${world} | ${asked} | ${measured} | ${shown(low)} to ${shown(high)} | ${runs} | ${met} |`
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`
}
