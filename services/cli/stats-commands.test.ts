import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'penstock-stats-'))
afterAll(() => rmSync(folder, { recursive: true }))

const passing = {
  id: 'ok',
  method: 'dist.normal.cdf',
  inputs: { z: 0 },
  expected: { value: 0.5 },
  tolerance: { abs: 1e-12 },
}

async function run(json: boolean, ...words: readonly string[]) {
  const printed: string[] = []
  const failed: string[] = []
  const code = await runCli([...(json ? ['--json'] : []), 'stats', ...words], {
    out: (text) => void printed.push(text),
    err: (text) => void failed.push(text),
    config: () => {
      throw new Error('statistics ask no server')
    },
    nowMs: () => 0,
    sleep: async () => undefined,
  })
  return { code, printed: printed.join(''), failed: failed.join('') }
}

function file(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe('penstock stats', () => {
  it('verify says pass with got and expected, exit code 0', async () => {
    const { code, printed } = await run(false, 'verify', file('good.json', { cases: [passing] }))
    expect(code).toBe(0)
    expect(printed).toContain('pass  ok  dist.normal.cdf\n      got      {"value":0.5}\n      expected {"value":0.5}')
    expect(printed).toContain('1 of 1 passed')
  })

  it('verify exits 1 when one case fails or names an unknown method, and goes on with the others', async () => {
    const cases = [{ ...passing, expected: { value: 0.6 } }, { ...passing, method: 'dist.cauchy' }, passing]
    const text = await run(false, 'verify', file('bad.json', cases))
    expect(text.code).toBe(1)
    expect(text.printed).toContain('value: got 0.5, expected 0.6')
    expect(text.printed).toContain('unknown method "dist.cauchy"')
    expect(text.printed).toContain('1 of 3 passed')
    const { code, printed } = await run(true, 'verify', file('bad.json', cases))
    expect(code).toBe(1)
    expect(JSON.parse(printed)).toMatchObject({
      passed: 1,
      failed: 2,
      cases: [{ got: { value: 0.5 } }, { got: null }, {}],
    })
  })

  it('verify names case, method and field on one line for each problem', async () => {
    const cases = [
      { ...passing, id: 'a', inputs: { zz: 1 } },
      { ...passing, id: 'b', inputs: { z: 'NaN' } },
      { ...passing, id: 'c', method: 'se.clustered', inputs: { d: [], cluster: [] } },
      { ...passing, id: 'd', method: 'bootstrap.mean', inputs: { d: [1, 2], resamples: 1e15 } },
    ]
    const { code, printed } = await run(false, 'verify', file('hostile.json', cases))
    expect(code).toBe(1)
    expect(printed).toMatch(
      /^FAIL {2}a {2}dist\.normal\.cdf {2}input "z" is missing: a finite number; input "zz" is not known/m,
    )
    expect(printed).toMatch(/^FAIL {2}b {2}dist\.normal\.cdf {2}input "z" must be a finite number, got "NaN"$/m)
    expect(printed).toMatch(/^FAIL {2}c {2}se\.clustered {2}no value given \(given d = \[\], cluster = \[\]\)$/m)
    expect(printed).toMatch(/^FAIL {2}d {2}bootstrap\.mean {2}draws must lie in .*resamples = 1000000000000000/m)
    expect(printed).toContain('0 of 4 passed')
  })

  it('verify writes infinite answers as texts, not as null', async () => {
    const infinite = { ...passing, method: 'dist.normal.quantile', inputs: { p: 1 }, expected: { value: 'Infinity' } }
    const { code, printed } = await run(true, 'verify', file('infinite.json', [infinite]))
    expect(code).toBe(0)
    expect(JSON.parse(printed)).toMatchObject({ cases: [{ got: { value: 'Infinity' } }] })
  })

  it('verify exits 2 on a file that is missing, no JSON or empty', async () => {
    for (const path of [join(folder, 'none.json'), file('broken.json', '{'), file('empty.json', [])]) {
      const { code, failed } = await run(false, 'verify', path)
      expect(code).toBe(2)
      expect(failed).toContain(path)
    }
  })

  it('methods lists every method with inputs and outputs', async () => {
    const { code, printed } = await run(false, 'methods')
    expect(code).toBe(0)
    expect(printed).toContain('mcnemar.test')
    expect(printed).toContain('n01: a whole number of at least 0')
    const listed = JSON.parse((await run(true, 'methods')).printed)
    expect(listed.length).toBeGreaterThan(60)
    expect(listed[0]).toMatchObject({ name: 'dist.binomial.cdf', inputs: { k: 'a whole number' }, outputs: ['value'] })
  })
})
