import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { parseArgs } from 'node:util'
import { benchBootstrap, pairs, resamples } from './statistics/bootstrap.ts'
import { benchEvidence } from './statistics/evidence-records.ts'
import { benchSlices } from './statistics/slice-evaluation.ts'
import { type StatisticsRun, tablesOf } from './statistics/tables.ts'

/**
 * Speed of the statistics in one run beside scipy and numpy, and of the gate. Asserts nothing: it prints, and with --write keeps the numbers in
 * README.md and statistics.json beside it.
 */
const options = parseArgs({
  options: { python: { type: 'string', default: 'python3' }, write: { type: 'boolean', default: false } },
})
const { python, write } = options.values

if (!hasPeers(python)) {
  process.stderr.write(
    [
      `this benchmark compares with numpy and scipy, and ${python} cannot import them. In a virtual environment:`,
      '  python3 -m venv .cache/bench && .cache/bench/bin/pip install numpy scipy',
      '  node --expose-gc test/bench/statistics.ts --python .cache/bench/bin/python\n',
    ].join('\n'),
  )
  process.exitCode = 2
} else {
  const loadBefore = loadavg()[0] ?? 0
  const run: StatisticsRun = {
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: totalmem() / 2 ** 30,
      system: `${type()} ${release()}`,
      node: process.version,
      loadBefore,
    },
    command: `node --expose-gc test/bench/statistics.ts --python PYTHON${write ? ' --write' : ''}`,
    pairs,
    resamples,
    slices: benchSlices(),
    evidence: benchEvidence(),
    bootstrap: benchBootstrap(python),
  }
  const text = tablesOf(run)
  process.stdout.write(`${text}\n`)
  if (write) keep(run, text)
}

function hasPeers(command: string): boolean {
  try {
    execFileSync(command, ['-c', 'import numpy, scipy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function keep(run: StatisticsRun, text: string): void {
  writeFileSync(new URL('statistics.json', import.meta.url), `${JSON.stringify(run, null, 2)}\n`)
  const readme = new URL('README.md', import.meta.url)
  const [before, , after] = readFileSync(readme, 'utf8').split(/^<!-- statistics: (?:begin|end) -->$/m)
  if (before === undefined || after === undefined)
    throw new Error('README.md lacks its <!-- statistics: begin --> and end')
  writeFileSync(readme, `${before}<!-- statistics: begin -->\n${text}\n<!-- statistics: end -->${after}`)
}
