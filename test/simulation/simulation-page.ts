import { type Cell, isMet, summaryOf } from './cell.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly seconds: number
  readonly command: string
}

/** The page of results: one row a cell, with what was asked, what was measured, its limits and the number of runs. */
export function simulationPage(
  results: readonly { readonly cell: Cell; readonly values: readonly number[] }[],
  machine: Machine,
): string {
  const rows = results.map(({ cell, values }) => row(cell, values))
  return `# Simulations

Each cell is one world, run many times from fixed seeds through the gate itself (compiled policy, evidence, release order, harm tests, looks, verdict), in virtual
time. Only the cells under \`control/\` run rules that the gate does not use, on harmless data: they must fire, or the simulation could not see anything.
Limits are one-sided 95 % limits either way (Clopper and Pearson for shares, order statistics for medians). The last column
says \`met\` when the measured value keeps the aim, \`unclear\` when only one of its limits does, \`missed\` when neither does.

| cell | world, and what is counted | aim | measured | limits | runs | |
|---|---|---|---|---|---|---|
${rows.join('\n')}

Written by \`${machine.command}\` in ${machine.seconds} s on ${machine.cores} cores (${machine.cpu}), Node ${machine.node}. The same command gives the same numbers.
\`npm test\` runs every cell with fewer runs.
`
}

function row({ name, world, aim }: Cell, values: readonly number[]): string {
  const { value, low, high } = summaryOf(aim, values)
  const asked =
    aim.kind === 'median-at-most'
      ? `median ≤ ${aim.value} ${aim.unit}`
      : `${aim.kind === 'share-at-most' ? '≤' : '≥'} ${percent(aim.share)}`
  const shown = aim.kind === 'median-at-most' ? String : percent
  const met = isMet(aim, value) ? 'met' : isMet(aim, aim.kind === 'share-at-least' ? high : low) ? 'unclear' : 'missed'
  return `| ${name} | ${world} | ${asked} | ${shown(value)} | ${shown(low)} to ${shown(high)} | ${values.length} | ${met} |`
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`
}
