import { type Exchange, exchangesOfEvidence } from '../domain/backtest/exchange.ts'
import { exchangesOfPairs } from '../domain/backtest/recorded-evidence.ts'
import {
  goldenEntriesOf,
  goldenLookup,
  type RecordedPair,
  readRecordedPair,
  type TaskRules,
} from '../domain/backtest/recorded-pair.ts'
import { readEvidence } from '../domain/events/evidence-json.ts'
import type { Evidence } from '../domain/events/records.ts'
import { compilePlan } from '../domain/gate/compile-plan.ts'
import type { AnalysisPlan } from '../domain/gate/plan.ts'
import { goldenEntryProblem } from '../domain/policy/golden-set.ts'
import type { GoldenEntry } from '../domain/rollout/spec.ts'
import { type LintProblem, lintRollout } from './lint-rollout.ts'
import { InputFileError, readJsonFile, readLines } from './read-lines.ts'

/** What was recorded: pairs of answers, or the evidence of a run. */
export type Recording =
  | { readonly kind: 'pairs'; readonly pairs: readonly RecordedPair[] }
  | { readonly kind: 'evidence'; readonly evidence: readonly Evidence[] }

/** A policy with the exchanges as it would have seen them. */
export interface Trial {
  readonly file: string
  readonly plan: AnalysisPlan
  readonly exchanges: readonly Exchange[]
  /** What the recording cannot answer, in plain sentences. */
  readonly notes: readonly string[]
}

/** The same moment for every backtest: an hour begins there, as restarts of a test fall on full hours. */
const startMs = Date.UTC(2024, 0, 1)
const runName = 'backtest'

/** Reads a recording by what its lines hold. Throws InputFileError. */
export function readRecording(file: string, task: string | undefined): Recording {
  // A file of `replay --save` begins with the run itself.
  const all = readLines(file, (value) => (typeof value === 'object' && value !== null ? value : 'is no JSON object'))
  const lines = all
    .filter((value) => !('run' in value && 'decisions' in value))
    .map((value, index) => {
      const read = 'comparison' in value ? readEvidence(value) : readRecordedPair(value)
      if (typeof read === 'string') throw new InputFileError(`${file}: record ${index + 1}: ${read}`)
      return read
    })
  const evidence = lines.filter((line) => 'comparison' in line)
  if (evidence.length === lines.length && lines.length > 0) {
    if (task === undefined) return { kind: 'evidence', evidence }
    throw new InputFileError(`${file} holds evidence, which knows no tasks; leave --task out`)
  }
  if (evidence.length > 0) throw new InputFileError(`${file} mixes recorded pairs and evidence`)
  const recorded = lines.filter((line) => 'prompt' in line)
  const pairs = recorded.filter((pair) => task === undefined || pair.task === task)
  if (pairs.length > 0) return { kind: 'pairs', pairs: distinct(file, pairs) }
  const tasks = [...new Set(recorded.map((pair) => pair.task))].join(', ')
  throw new InputFileError(tasks === '' ? `${file} is empty` : `${file} has no task \`${task}\`; it has ${tasks}`)
}

function distinct(file: string, pairs: readonly RecordedPair[]): readonly RecordedPair[] {
  const seen = new Set<string>()
  for (const { id } of pairs) {
    if (seen.has(id)) throw new InputFileError(`${file}: pair \`${id}\` appears twice`)
    seen.add(id)
  }
  return pairs
}

/** Golden entries that the references make under a JSON file of rules by task. Throws InputFileError. */
export function goldenByRules(rulesFile: string, recording: Recording): readonly GoldenEntry[] {
  if (recording.kind === 'evidence')
    throw new InputFileError('evidence holds outcomes and no answers; leave --rules out')
  const rules = readJsonFile(rulesFile) as TaskRules
  const problem = Object.entries(rules).flatMap(([task, rule]) => {
    const found = goldenEntryProblem({ ref: task, expected: '0', rule })
    return found === null ? [] : [`${task}: ${found}`]
  })[0]
  if (problem !== undefined) throw new InputFileError(`${rulesFile}: ${problem}`)
  const { entries, problems } = goldenEntriesOf(recording.pairs, rules)
  if (problems[0] !== undefined) throw new InputFileError(`${rulesFile}: ${problems.length} problems: ${problems[0]}`)
  if (entries.length === 0) throw new InputFileError(`${rulesFile} has no rule for any task of the recording`)
  return entries
}

/** Compiles the policy and lays the recording out as it would have seen it; or every reason why the policy is refused. */
export function prepareTrial(
  file: string,
  recording: Recording,
  golden: { readonly file: string; readonly entries: readonly GoldenEntry[] } | null,
  everyMs: number,
): Trial | { readonly problems: readonly LintProblem[] } {
  const linted = lintRollout(file, golden === null ? null : { file: golden.file, lines: golden.entries })
  if (linted.kind === 'problems') return linted
  const { spec } = linted.compiled
  if (recording.kind === 'evidence') {
    const hasNoise = recording.evidence.some((record) => record.comparison === 'aa')
    const plan = compilePlan(hasNoise ? spec : { ...spec, calibrationPairs: 0 })
    const notes = [...(hasNoise ? [] : [noNoise]), ...horizonNotes(plan, recording.evidence)]
    return { file, plan, exchanges: exchangesOfEvidence(recording.evidence), notes }
  }
  if (spec.shadow.share === 0)
    throw new InputFileError(`${file} mirrors nothing, so its gate would never see a recorded pair`)
  const plan = compilePlan({ ...spec, calibrationPairs: 0 })
  const goldenOf = goldenLookup((linted.golden ?? []) as readonly GoldenEntry[])
  const policy = { spec, plan, run: runName }
  const exchanges = exchangesOfPairs(recording.pairs, goldenOf, policy, { startMs, everyMs })
  const without = recording.pairs.filter((pair) => goldenOf(pair) === null).length
  const slow = recording.pairs.filter(
    (pair) => Math.max(pair.baseline.durationMs, pair.candidate.durationMs) > plan.legTimeoutMs,
  ).length
  return {
    file,
    plan,
    exchanges,
    notes: [
      noNoise,
      'times to first token were not recorded: their budgets are held against whole answers',
      ...(linted.golden === null ? ['the policy names no golden set: whether answers are right is not judged'] : []),
      ...(linted.golden === null || without === 0 ? [] : [`${without} pairs have no golden answer`]),
      ...(slow === 0 ? [] : [`${slow} pairs have an answer slower than legTimeout, which counts as timed out`]),
    ],
  }
}

const noNoise =
  'no A/A pairs were recorded: calibration is left out, and what needs its values (relative margins) is not judged'

/** A policy that reads outcomes at other ages than they were recorded at would hold for ever without saying why. */
function horizonNotes(plan: AnalysisPlan, evidence: readonly Evidence[]): readonly string[] {
  const recorded = new Set(evidence.map((record) => record.horizon_ms))
  const missing = [...new Set(plan.metrics.map((metric) => metric.horizonMs))].filter((ms) => !recorded.has(ms))
  if (missing.length === 0) return []
  const has = [...recorded].map((ms) => `${ms} ms`).join(', ')
  return [`nothing was recorded at the age of ${missing.join(', ')} ms that the policy reads; recorded: ${has}`]
}
