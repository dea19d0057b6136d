import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TestReport, tallyOf } from './test-tally.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const usage = `npm test [-- --project <name>…] [-- --no-check]

Runs npm run check, then the projects unit, house, simulation, integration and e2e against servers of its own.
The last line is "N passed, N failed". Skipped and todo tests count as
failed, and so do failing checks, a file that does not load, and finding no test.

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
  const checked = !given.includes('--no-check') && !given.includes('--project')
  const checkCode = checked ? await run([join(root, 'scripts', 'check.ts')]) : null
  const reportPath = join(root, '.cache', 'test-report', `${process.pid}.json`)
  mkdirSync(dirname(reportPath), { recursive: true })
  const forwarded = given.filter((arg) => arg !== '--no-check')
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`]
  const testCode = await run([vitest, 'run', ...reporters, ...forwarded])
  const tally = tallyOf({ checkCode, testCode, report: readReport(reportPath) })
  rmSync(reportPath, { force: true })
  for (const note of tally.notes) process.stdout.write(`${note}\n`)
  process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`)
  return tally.failed === 0 ? 0 : 1
}

function readReport(path: string): TestReport | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TestReport
  } catch {
    return null
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
