import { execFileSync } from 'node:child_process'
import { readOptions, refuse } from '../support/options.ts'
import { benchBootstrap, pairs, resamples } from './statistics/bootstrap.ts'
import { benchEvidence } from './statistics/evidence-records.ts'
import { benchSlices } from './statistics/slice-evaluation.ts'
import { type StatisticsRun, tablesOf } from './statistics/tables.ts'
import { keepResults } from './support/keep-results.ts'
import { thisMachine } from './support/machine.ts'

/**
 * Speed of the statistics in one run beside scipy and numpy, and of the gate. Asserts nothing: it prints, and with --write keeps the numbers in
 * README.md and statistics.json beside it.
 */
const help = `node --expose-gc test/bench/statistics.ts [options]
  --python FILE  a Python that has numpy and scipy (default python3)
  --write        keep the numbers in test/bench
`
const { python, write } = readOptions(help, {
  python: { type: 'string', default: 'python3' },
  write: { type: 'boolean', default: false },
})

if (!hasPeers(python))
  refuse(
    help,
    [
      `this benchmark compares with numpy and scipy, and ${python} cannot import them. In a virtual environment:`,
      '  python3 -m venv .cache/bench && .cache/bench/bin/pip install numpy scipy',
      '  node --expose-gc test/bench/statistics.ts --python .cache/bench/bin/python',
    ].join('\n'),
  )
const run: StatisticsRun = {
  machine: thisMachine(),
  command: `node --expose-gc test/bench/statistics.ts --python PYTHON${write ? ' --write' : ''}`,
  pairs,
  resamples,
  slices: benchSlices(),
  evidence: benchEvidence(),
  bootstrap: benchBootstrap(python),
}
const text = tablesOf(run)
process.stdout.write(`${text}\n`)
if (write) keepResults('statistics', run, text)

function hasPeers(command: string): boolean {
  try {
    execFileSync(command, ['-c', 'import numpy, scipy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
