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
  try {
    return JSON.parse(withQuotedNumbers(text))
  } catch (error) {
    if (error instanceof SyntaxError) throw new StatsError(`no JSON: ${error.message}`)
    throw error
  }
}

/** Written as a walk, because one pattern for whole texts exhausts the stack on a long one. */
function withQuotedNumbers(text: string): string {
  const token = /"|-?\bInfinity\b|\bNaN\b/g
  let quoted = ''
  let copied = 0
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] === '"') {
      token.lastIndex = textEnd(text, match.index + 1)
      continue
    }
    quoted += `${text.slice(copied, match.index)}"${match[0]}"`
    copied = token.lastIndex
  }
  return quoted + text.slice(copied)
}

/** Index after the quotation mark that ends the text which begins at `from`. */
function textEnd(text: string, from: number): number {
  for (let index = from; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1
    else if (text[index] === '"') return index + 1
  }
  return text.length
}
