import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What of vitest's JSON report we read. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly numFailedTestSuites: number
  readonly success: boolean
}

interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const usage = `npm test [-- --project <name>…] [-- --no-check]

Runs npm run check, then the projects unit, house, simulation, integration and e2e against servers of its own.
The last line is "N passed, N failed". Skipped and todo tests count as failures, and so does finding none.

  --project <name>  only this project (repeatable); implies --no-check
  --no-check        without the static checks
`

const args = process.argv.slice(2)
if (args.includes('--help')) {
  process.stdout.write(usage)
} else {
  process.exitCode = await main(args)
}

async function main(given: readonly string[]): Promise<number> {
  const checks =
    given.includes('--no-check') || given.includes('--project') ? 0 : await run([join(root, 'scripts', 'check.ts')])
  const reportPath = join(root, '.cache', 'test-report', `${process.pid}.json`)
  mkdirSync(dirname(reportPath), { recursive: true })
  const forwarded = given.filter((arg) => arg !== '--no-check')
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`]
  const code = await run([vitest, 'run', ...reporters, ...forwarded])
  const tally = readTally(reportPath)
  rmSync(reportPath, { force: true })
  if (checks !== 0) process.stdout.write('npm run check failed: its output is above\n')
  if (tally.skipped > 0)
    process.stdout.write(`${tally.skipped} tests were skipped or left as todo: that counts as failed\n`)
  if (tally.passed === 0) process.stdout.write('no test passed: that counts as failed\n')
  const good = checks === 0 && code === 0 && tally.failed === 0 && tally.passed > 0
  if (!good && tally.failed === 0) process.stdout.write('the run failed although no test did: see above\n')
  process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`)
  return good ? 0 : 1
}

function readTally(path: string): Tally {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report
    const skipped = report.numPendingTests + report.numTodoTests
    return { passed: report.numPassedTests, failed: report.numFailedTests + skipped, skipped }
  } catch {
    process.stdout.write('vitest left no report: it ended before the tests did\n')
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

/** Runs a script on this Node with the terminal handed through. Signals reach it as well, so that servers it started are stopped. */
function run(command: readonly string[]): Promise<number> {
  return new Promise((done) => {
    const child = spawn(process.execPath, command, { cwd: root, stdio: 'inherit' })
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
    process.on('SIGTERM', pass)
    process.on('SIGINT', pass)
    child.once('error', () => done(127))
    child.once('exit', (code) => {
      process.off('SIGTERM', pass)
      process.off('SIGINT', pass)
      done(code ?? 1)
    })
  })
}
