import { describe, expect, it } from 'vitest'
import { thisMachine } from '../bench/support/machine.ts'
import { isClean, reportOf } from '../ledger/report.ts'
import { joiningServices, killedParts, killedServices } from '../ledger/schedule.ts'
import { takeLedger } from '../ledger/take-ledger.ts'

/** Everything at least once or twice; `npm run ledger` is the long form. */
const short = { exchanges: 6_000, minutes: 1, seed: 1 }

describe('the ledger, in its short form', () => {
  it('has nothing lost, nothing double, and gates and decisions that undisturbed evidence gives, whatever dies', async () => {
    const progress: string[] = []
    const note = (what: string) => void progress.push(`${new Date().toISOString()} ${what}`)
    const ledger = await takeLedger(short, note)
    const report = reportOf(ledger, thisMachine(), 'npm test')
    process.stdout.write(`${report}\n`)
    expect(isClean(ledger), `${report}\n${progress.join('\n')}`).toBe(true)
    const { faults, gates } = ledger
    for (const target of [...killedServices, ...killedParts])
      expect(faults[`${target} killed`], target).toBeGreaterThan(1)
    for (const target of joiningServices) expect(faults[`second ${target} joined and left`], target).toBeGreaterThan(0)
    expect(faults).toMatchObject({ 'broker killed': 2, 'broker stopped': 1, 'store away': 1 })
    const expected = new Map(ledger.entries.map((entry) => [entry.what, entry.expected]))
    expect([...expected].filter(([, count]) => count === 0)).toEqual([])
    expect(gates.map(({ run }) => run.replace(/-\d{8}-.*/, '')).sort()).toEqual(['feed', 'feed-worse', 'ledger'])
  }, 900_000)
})
