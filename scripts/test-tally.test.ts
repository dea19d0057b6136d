import { describe, expect, it } from 'vitest'
import { type TestReport, type TestRun, tallyOf } from './test-tally.ts'

describe('tallyOf', () => {
  const good: TestRun = { checkCode: 0, testCode: 0, report: report(['passed', 'passed']) }
  const cases: readonly (readonly [name: string, run: TestRun, passed: number, failed: number])[] = [
    ['all is well', good, 2, 0],
    ['the checks were not asked for', { ...good, checkCode: null }, 2, 0],
    ['a test fails', { ...good, testCode: 1, report: report(['passed', 'failed']) }, 1, 1],
    ['a test is skipped', { ...good, report: report(['passed', 'skipped']) }, 1, 1],
    ['a test is left as todo', { ...good, report: report(['passed', 'todo']) }, 1, 1],
    ['a test was never reached', { ...good, report: report(['passed', 'pending']) }, 1, 1],
    ['a file did not load', { ...good, testCode: 1, report: report([], 'failed') }, 0, 1],
    ['the checks fail', { ...good, checkCode: 1 }, 2, 1],
    ['no test was found', { ...good, report: { testResults: [] } }, 0, 1],
    ['vitest died', { ...good, testCode: 137, report: null }, 0, 1],
    ['an error escaped from a test', { ...good, testCode: 1 }, 2, 1],
  ]

  it.each(cases)('%s', (_, run, passed, failed) => {
    const tally = tallyOf(run)
    expect([tally.passed, tally.failed]).toEqual([passed, failed])
  })

  it('says why it counts more failures than tests failed', () => {
    expect(tallyOf(good).notes).toEqual([])
    expect(tallyOf({ ...good, report: report(['passed', 'skipped']) }).notes.join()).toContain('1 tests were skipped')
  })
})

function report(statuses: readonly string[], status = statuses.includes('failed') ? 'failed' : 'passed'): TestReport {
  return {
    testResults: [{ name: 'some.test.ts', status, assertionResults: statuses.map((each) => ({ status: each })) }],
  }
}
