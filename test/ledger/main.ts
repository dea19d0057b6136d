import { readFileSync, writeFileSync } from 'node:fs'
import { thisMachine } from '../bench/support/machine.ts'
import { positive, readOptions } from '../support/options.ts'
import { isClean, reportOf } from './report.ts'
import { fullMinutes } from './schedule.ts'
import { type LedgerOptions, takeLedger } from './take-ledger.ts'

const defaults = { exchanges: 500_000, minutes: fullMinutes, seed: 1 }
const usage = `npm run ledger [-- --exchanges <n>] [-- --minutes <n>] [-- --seed <n>] [-- --write]

Feeds exchanges to a real installation (native Kafka, registry, Redis, ClickHouse; one process per service) while everything in it is killed with -9 again and
again, groups are rebalanced, the broker is restarted and its disk is full, the store is away and clocks are an hour off. Then counts what was lost or counted
twice, and pairs and judges the same log once more, undisturbed. Exit code 1 when anything is lost, double or different.

  --exchanges <n>  how many (default ${defaults.exchanges})
  --minutes <n>    how long the feed takes (default ${defaults.minutes}); a shorter one meets its share of the faults
  --seed <n>       exchanges and schedule of faults (default ${defaults.seed})
  --write          keep the result in test/ledger/results.json and services/docs/ledger.md
`

process.exitCode = await main()

async function main(): Promise<number> {
  const values = readOptions(usage, {
    exchanges: { type: 'string', default: String(defaults.exchanges) },
    minutes: { type: 'string', default: String(defaults.minutes) },
    seed: { type: 'string', default: String(defaults.seed) },
    write: { type: 'boolean', default: false },
  })
  const options: LedgerOptions = {
    exchanges: Math.ceil(positive(usage, '--exchanges', values.exchanges)),
    minutes: positive(usage, '--minutes', values.minutes),
    seed: positive(usage, '--seed', values.seed),
  }
  const machine = thisMachine()
  const beganMs = performance.now()
  const note = (what: string) =>
    void process.stderr.write(`${String(Math.round((performance.now() - beganMs) / 1_000)).padStart(5)} s  ${what}\n`)
  const ledger = await takeLedger(options, note)
  const command = ['npm run ledger --', ...process.argv.slice(2)].join(' ')
  const report = reportOf(ledger, machine, command)
  process.stdout.write(`${report}\n`)
  if (values.write) keep(report, { command, machine, ...ledger })
  return isClean(ledger) ? 0 : 1
}

function keep(report: string, raw: object): void {
  const page = new URL('../../services/docs/ledger.md', import.meta.url)
  const [before, , after] = readFileSync(page, 'utf8').split(/^<!-- ledger: (?:begin|end) -->$/m)
  if (before === undefined || after === undefined)
    throw new Error('services/docs/ledger.md lacks its ledger: begin and end')
  writeFileSync(page, `${before}<!-- ledger: begin -->\n${report}\n<!-- ledger: end -->${after}`)
  writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(raw, null, 2)}\n`)
}
