/** What of vitest's JSON report is read. */
export interface TestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

export interface TestRun {
  /** Exit codes of `npm run check` (null: not asked for) and of vitest. */
  readonly checkCode: number | null
  readonly testCode: number
  /** Null when vitest ended without leaving one. */
  readonly report: TestReport | null
}

export interface Tally {
  readonly passed: number
  readonly failed: number
  /** Why `failed` is more than the tests that said so themselves. */
  readonly notes: readonly string[]
}

/** Counts a run. Whatever is not plainly good counts as failed: a skipped test, a file that did not load, the checks, no tests at all. */
export function tallyOf(run: TestRun): Tally {
  const notes: string[] = []
  const files = run.report?.testResults ?? []
  const tests = files.flatMap((file) => file.assertionResults)
  const passed = tests.filter((test) => test.status === 'passed').length
  const failedTests = tests.filter((test) => test.status === 'failed').length
  const skipped = tests.length - passed - failedTests
  if (skipped > 0) notes.push(`${skipped} tests were skipped, left as todo or never reached: each counts as failed`)
  const broken = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  for (const file of broken) notes.push(`${file.name} failed outside its tests: counts as one failed`)
  let failed = failedTests + skipped + broken.length
  const addFailure = (note: string): void => {
    notes.push(note)
    failed += 1
  }
  if (run.checkCode !== null && run.checkCode !== 0) addFailure('npm run check failed, see above: counts as one failed')
  if (run.report === null) addFailure('the test runner ended without a report: counts as one failed')
  else if (passed + failed === 0) addFailure('no test was found: counts as one failed')
  else if (run.testCode !== 0 && failed === 0)
    addFailure('the test runner failed although no test did, see above: counts as one failed')
  return { passed, failed, notes }
}
