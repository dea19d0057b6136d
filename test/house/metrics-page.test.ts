import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Registration, registrationsIn } from './metric-registrations.ts'

const page = readFileSync('services/docs/metrics.md', 'utf8')
/** The registry itself is the only one that may know the client. */
const registry = 'services/platform/metrics/'
const sources = globSync('services/**/*.ts').filter((path) => !path.endsWith('.test.ts') && !path.startsWith(registry))
const read = sources.map((path) => registrationsIn(path, readFileSync(path, 'utf8')))
const found = read.flatMap((registrations) => registrations.found)

const line = ({ name, type, labels }: Omit<Registration, 'help'>) => `${name} ${type} {${labels.join(', ')}}`

const rows = page
  .split('\n')
  .filter((row) => row.startsWith('| `penstock_'))
  .map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

describe('services/docs/metrics.md', () => {
  it('rests on registrations that can all be read', () => {
    expect(sources.length).toBeGreaterThan(100)
    expect(read.flatMap(({ unreadable }) => unreadable)).toEqual([])
  })

  it('has every metric that code registers, with its type and labels, and nothing else', () => {
    const written = rows.map(([name = '', type = '', labels = '']) =>
      line({
        name: name.replaceAll('`', ''),
        type: type as Registration['type'],
        labels: labels === '' ? [] : labels.replaceAll('`', '').split(', '),
      }),
    )
    expect(written.toSorted()).toEqual([...new Set(found.map(line))].toSorted())
  })

  it('says of each what it means and what to do', () => {
    for (const row of rows) {
      expect(row, row[0]).toHaveLength(5)
      expect(row[3]?.length, row[0]).toBeGreaterThan(3)
      expect(row[4]?.length, row[0]).toBeGreaterThan(3)
    }
  })

  it('speaks of names that are registered in one way', () => {
    const once = new Map(found.map((one) => [one.name, one]))
    for (const one of found) expect(one).toEqual(once.get(one.name))
    for (const { name, type } of found) expect(name.endsWith('_total'), name).toBe(type === 'counter')
  })
})

describe('registrationsIn', () => {
  it('reads calls with literals', () => {
    const text = `m.gauge('a', 'b'); scope.metrics.counter('c', 'd', ['e']); this.x.histogram('f', \`g\`, buckets, ['h', 'i'])`
    expect(registrationsIn('x.ts', text)).toEqual({
      found: [
        { name: 'a', type: 'gauge', help: 'b', labels: [] },
        { name: 'c', type: 'counter', help: 'd', labels: ['e'] },
        { name: 'f', type: 'histogram', help: 'g', labels: ['h', 'i'] },
      ],
      unreadable: [],
    })
  })

  it.each([
    'm.gauge(name, "help")',
    'm.gauge(`a_$' + '{b}`, "help")',
    'm.counter("a", "help", labels)',
    'const make = m.gauge',
    'm["gauge"](name, "help")',
    'const { counter } = metrics',
    'const { counter: make } = metrics',
    'import { Gauge } from "prom-client"',
    'await import("prom-client")',
  ])('names what it cannot read: %s', (text) => {
    expect(registrationsIn('x.ts', text).unreadable).toHaveLength(1)
  })
})
