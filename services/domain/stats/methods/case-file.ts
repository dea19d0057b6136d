import { StatsError } from '../stats-error.ts'

/**
 * Cases of a file `{ "cases": [...] }` or a bare list. NaN, Infinity and -Infinity, which some writers of JSON emit although it has none, are read as
 * texts, so that one such case fails by itself instead of taking the file with it.
 * @throws StatsError when the text is no JSON or holds no list of cases
 */
export function readCases(text: string): readonly unknown[] {
  const value = parse(text)
  const cases = typeof value === 'object' && value !== null && 'cases' in value ? value.cases : value
  if (!Array.isArray(cases)) throw new StatsError('the file must hold a list of cases, or an object with "cases"')
  if (cases.length === 0) throw new StatsError('the file holds no case: nothing was verified')
  return cases
}

function parse(text: string): unknown {
  const quoted = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  )
  try {
    return JSON.parse(quoted)
  } catch (error) {
    throw new StatsError(`no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
