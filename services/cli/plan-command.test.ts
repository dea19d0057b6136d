import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'penstock-plan-'))
afterAll(() => rmSync(folder, { recursive: true }))

const example = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const week = example('examples/traffic-week.csv')
const policy = (name: string) => example(`schemas/policy/examples/${name}.yaml`)

async function plan(...words: readonly string[]) {
  const printed: string[] = []
  const failed: string[] = []
  const code = await runCli(['plan', ...words], {
    out: (text) => void printed.push(text),
    err: (text) => void failed.push(text),
    config: () => {
      throw new Error('planning asks no server')
    },
    nowMs: () => Date.UTC(2026, 2, 2, 9),
    sleep: async () => undefined,
  })
  return { code, printed: printed.join(''), failed: failed.join('') }
}

describe('penstock plan', () => {
  it('prints stages with dates, cost, errors and the time to roll back', async () => {
    const { code, printed } = await plan(policy('model-swap'), '--traffic', week)
    expect(code).toBe(0)
    expect(printed).toContain('all/shadow  0%  2026-03-02T09:00Z → ')
    expect(printed).toMatch(/error shadow_ab +pairs +72 in /)
    expect(printed).toMatch(/shadow +\d+ calls .* tokens in and \d+ out, \$\d+\.\d\d/)
    expect(printed).toContain('false alarm at most 2.5 %')
    expect(printed).toContain('roll back   at most 35s')
    expect(printed).not.toContain('cannot be kept')
  })

  it('begins when it is told, and says all of it as JSON', async () => {
    const { code, printed } = await plan(policy('live-only'), '--traffic', week, '--start', '2026-03-07', '--json')
    expect(code).toBe(0)
    const answer = JSON.parse(printed)
    expect(answer).toMatchObject({ startMs: Date.UTC(2026, 2, 7), problems: [], remedies: [], shadow: { calls: 0 } })
    expect(answer.stages.map((stage: { stage: string }) => stage.stage)).toEqual([
      'canary-1',
      'canary-10',
      'canary-50',
      'full',
    ])
  })

  it('refuses what cannot be kept with 1 and with what would be possible', async () => {
    const { code, printed } = await plan(policy('prompt-edit'), '--traffic', week)
    expect(code).toBe(1)
    expect(printed).toContain('This plan cannot be kept:')
    expect(printed).toMatch(/Any one of these makes it possible:\n {2}- shadow\.budget\.calls \d+/)
  })

  it('draws a panel for each stage that asks questions, as well-formed XML', async () => {
    const svg = join(folder, 'power.svg')
    const { code } = await plan(policy('model-swap'), '--traffic', week, '--svg', svg)
    expect(code).toBe(0)
    const picture = readFileSync(svg, 'utf8')
    expect(picture.match(/all traffic/g)).toHaveLength(4)
    expect(openElements(picture)).toEqual([])
    expect(picture).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('names line, column and the fix of a traffic file, and a column that the rollout needs', async () => {
    const bad = join(folder, 'bad.csv')
    writeFileSync(bad, readFileSync(week, 'utf8').replace(/^5,\d+/m, '5,many'))
    const wrong = await plan(policy('prompt-edit'), '--traffic', bad)
    expect(wrong.code).toBe(1)
    expect(wrong.failed).toContain(`${bad}:7:2: \`many\` is no count; write a number from 0 to 1e12`)
    const narrow = join(folder, 'narrow.csv')
    writeFileSync(narrow, ['hour,requests', ...Array.from({ length: 24 }, (_, hour) => `${hour},9`)].join('\n'))
    const missing = await plan(policy('waves-by-tenant'), '--traffic', narrow, '--json')
    expect(missing.code).toBe(1)
    expect(JSON.parse(missing.printed).problems.map((problem: { message: string }) => problem.message)).toEqual([
      expect.stringContaining('no column `tier=consumer`'),
      expect.stringContaining('no column `language=de`'),
    ])
  })

  it('names a rollout file that has problems as lint does, and files that are not there', async () => {
    expect(await plan(join(folder, 'none.yaml'), '--traffic', week)).toMatchObject({
      code: 1,
      failed: expect.stringContaining('none.yaml:1'),
    })
    expect(await plan(policy('prompt-edit'), '--traffic', join(folder, 'none.csv'))).toMatchObject({
      code: 1,
      failed: expect.stringContaining('none.csv:1:1: cannot be read'),
    })
  })

  it('ends with 2 on a time that is none, without traffic, and where the picture cannot be written', async () => {
    expect((await plan(policy('prompt-edit'), '--traffic', week, '--start', 'tomorrow')).code).toBe(2)
    expect((await plan(policy('prompt-edit'), '--traffic', week, '--start', '2026-03-07T09:00')).code).toBe(2)
    expect((await plan(policy('prompt-edit'))).code).toBe(2)
    expect((await plan(policy('model-swap'), '--traffic', week, '--svg', join(folder, 'no', 'power.svg'))).code).toBe(2)
  })
})

/** Elements that are opened and never closed, or closed out of order. */
function openElements(xml: string): readonly string[] {
  const open: string[] = []
  for (const [, closing, name, selfClosing] of xml.matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)) {
    if (closing === '/') {
      if (open.pop() !== name) return ['out of order']
    } else if (selfClosing !== '/') open.push(name ?? '')
  }
  return open
}
