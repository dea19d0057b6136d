import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { readCases } from '../domain/stats/methods/case-file.ts'
import type { Method } from '../domain/stats/methods/method.ts'
import { methods } from '../domain/stats/methods/registry.ts'
import { type CaseResult, verifyCase } from '../domain/stats/methods/verify-case.ts'
import { StatsError } from '../domain/stats/stats-error.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import type { Act, Session } from './session.ts'

/** `stats verify` and `stats methods`: the statistics by themselves, without a server. */
export function declareStats(program: Command, act: Act): void {
  const stats = program.command('stats').description('the statistical methods by themselves')
  stats
    .command('verify <file>')
    .description('compute reference cases (JSON: id, method, inputs, expected, tolerance); exit code 1 unless all pass')
    .action((file: string) => act((session) => verify(session, file)))
  stats
    .command('methods')
    .description('list methods with their inputs and outputs')
    .action(() => act(listMethods))
}

/** Done when every case passes, no when one fails, a wrong call when the file cannot be read or holds no cases. */
function verify(session: Session, path: string): ExitCode {
  let cases: readonly unknown[]
  try {
    cases = readCases(readFileSync(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof StatsError || (error instanceof Error && 'code' in error))) throw error
    session.note(`${path}: ${error.message}`)
    return exitCodes.usage
  }
  const results = cases.map(verifyCase)
  const passed = results.filter((result) => result.passed).length
  if (session.json) session.print(toJson({ passed, failed: results.length - passed, cases: results }))
  else {
    for (const result of results) session.print(resultText(result))
    session.print(`${passed} of ${results.length} passed`)
  }
  return passed === results.length ? exitCodes.done : exitCodes.no
}

function resultText(result: CaseResult): string {
  const head = `${result.passed ? 'pass' : 'FAIL'}  ${result.id}  ${result.method}`
  return [
    // Each problem on a line that can be read by itself: a search for FAIL shows case, method and field.
    ...(result.passed ? [head] : result.problems.map((problem) => `${head}  ${problem}`)),
    `      got      ${result.got === null ? 'nothing' : toJson(result.got)}`,
    `      expected ${toJson(result.expected)}`,
  ].join('\n')
}

/** JSON has no infinite numbers: they are written as texts, never as null, which means "not defined". */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? String(item) : item,
  )
}

function listMethods(session: Session): ExitCode {
  const all = [...methods.values()]
  session.print(session.json ? JSON.stringify(all.map(methodRecord)) : all.map(methodText).join('\n'))
  return exitCodes.done
}

function methodRecord({ name, summary, inputs, outputs }: Method) {
  const types = Object.entries(inputs).map(([input, field]) => [input, field.type] as const)
  return { name, summary, inputs: Object.fromEntries(types), outputs }
}

function methodText({ name, summary, inputs, outputs }: Method): string {
  const rows = Object.entries(inputs).map(([input, field]) => `    ${input}: ${field.type}`)
  return [name, `  ${summary}`, ...rows, `  → ${outputs.join(', ')}`].join('\n')
}
