import { readFileSync, writeFileSync } from 'node:fs'

const bench = new URL('../', import.meta.url)

/** What of a benchmark's parts has been kept so far; nothing when nothing was. */
export function keptResults<T extends object>(name: string): Partial<T> {
  try {
    return JSON.parse(readFileSync(new URL(`${name}.json`, bench), 'utf8')) as Partial<T>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/**
 * Writes raw results to `NAME.json` beside the benchmarks' README.md, and their tables into its section between `<!-- NAME: begin -->` and `end`.
 * @throws when the README has no such section
 */
export function keepResults(name: string, raw: unknown, tables: string): void {
  const readme = new URL('README.md', bench)
  const [before, , after] = readFileSync(readme, 'utf8').split(new RegExp(`^<!-- ${name}: (?:begin|end) -->$`, 'm'))
  if (before === undefined || after === undefined)
    throw new Error(`${readme.pathname} lacks its <!-- ${name}: begin --> and end`)
  writeFileSync(new URL(`${name}.json`, bench), `${JSON.stringify(raw, null, 2)}\n`)
  writeFileSync(readme, `${before}<!-- ${name}: begin -->\n${tables}\n<!-- ${name}: end -->${after}`)
}
