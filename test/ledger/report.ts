import { type Machine, machineLine } from '../bench/support/machine.ts'
import type { FeedRunId } from './feed-exchange.ts'
import type { Entry, Ledger } from './take-ledger.ts'

/** Whether nothing is lost, nothing double, the gates say what undisturbed ones say, and only the run whose candidate fails was taken back. */
export function isClean({ entries, gates }: Ledger): boolean {
  return (
    entries.every(({ lost, double }) => lost === 0 && double === 0) &&
    gates.every(({ run, phase, difference }) => difference === null && (phase === 'rolled_back') === (run === worse))
  )
}

const worse: FeedRunId = 'feed-worse'

/** The ledger as Markdown. */
export function reportOf(ledger: Ledger, machine: Machine, command: string): string {
  const { entries, gates, faults, options, gateway, planned, minutes } = ledger
  const faultRows = Object.entries(faults)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([what, times]) => `| ${what} | ${times} |`)
  return [
    `\`${command}\` ${machineLine(machine)}`,
    '',
    `${number(options.exchanges)} exchanges in ${minutes.feed.toFixed(1)} minutes, seed ${options.seed}; ${minutes.settling.toFixed(1)} minutes until everything was at rest, ${minutes.counting.toFixed(1)} minutes of counting. Of the exchanges ${number(planned.late)} had an answer sent too late, ${number(planned.missing)} lacked one, ${number(planned.twice)} had one sent twice.`,
    '',
    '| what | expected | found | lost | double | late | dead-lettered | repeated |',
    '|---|---:|---:|---:|---:|---:|---:|---:|',
    ...entries.map(rowOf),
    '',
    ...gates.map(
      ({ run, phase, outcome, eValues, difference }) =>
        `Gate, run \`${run}\` (at last in ${phase}): ${outcome}; ${difference === null ? `state, verdict and ${eValues} e-values are those of an undisturbed gate, bit for bit` : `DIFFERS: ${difference}`}.  `,
    ),
    '',
    `Of ${number(gateway.answered)} requests answered by the gateway, ${number(gateway.unsent)} were not yet sent when it was killed (the oldest had been answered ${(gateway.unsentForMsMax / 1_000).toFixed(1)} s before): that is not promised, and bounded by what the tap holds. ${number(ledger.commandsInDoubt)} commands were answered by no decision in time or refused: they may be decided on once or not at all. Started again, the shadow service gave up ${number(ledger.givenUpByShadow)} legs of the feed whose plan it found without an answer, as it must; the first record of a leg counts.`,
    '',
    '| done to it | times |',
    '|---|---:|',
    ...faultRows,
    '',
    `The store was away for ${Math.round(ledger.storeAwaySeconds)} s in one go. The gate's clock and that of one of two producers were an hour fast throughout.${ledger.diskProblem === null ? '' : ` The broker's disk was not filled: ${ledger.diskProblem}.`} Services that ended by themselves and were started again: ${
      Object.entries(ledger.endedByThemselves)
        .filter(([, times]) => times > 0)
        .map(([name, times]) => `${name} ${times}`)
        .join(', ') || 'none'
    }.`,
  ].join('\n')
}

function rowOf({ what, expected, found, lost, double, late, deadLettered, repeated }: Entry): string {
  const cells = [expected, found, lost, double, late, deadLettered, repeated]
  return `| ${what} | ${cells.map((cell) => (cell === null ? '' : number(cell))).join(' | ')} |`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
