import type { GoldenEntry, GoldenRule } from '../rollout/spec.ts'
import { lastMatch } from '../scoring/golden.ts'
import { sha256Hex } from '../scoring/normalise.ts'

/** One prompt and what baseline and candidate answered to it, as recorded. */
export interface RecordedPair {
  readonly id: string
  readonly task: string
  readonly prompt: string
  /** The expected answer, in the words of the data set; null when it has none. */
  readonly reference: string | null
  readonly tenant: string
  /** Pairs of one unit (a session, a user) resemble each other; without one each pair stands for itself. */
  readonly unit: string
  readonly baseline: RecordedAnswer
  readonly candidate: RecordedAnswer
}

export interface RecordedAnswer {
  readonly model: string
  readonly output: string
  readonly durationMs: number
  readonly costMicroUsd: number | null
  readonly outputTokens: number | null
}

/** How the answers of each task are held against their references. */
export type TaskRules = Readonly<Record<string, GoldenRule>>

type Fields = Readonly<Record<string, unknown>>

/** Reads one line of a recording (`id, prompt, baseline{model, output, latency_s}, candidate{…}`); a text says what is wrong with it. */
export function readRecordedPair(value: unknown): RecordedPair | string {
  const line = fieldsOf(value)
  if (line === null) return 'is no JSON object'
  const { id, prompt, task, reference, tenant, unit } = line
  if (typeof id !== 'string' || id === '') return '`id` must be a text'
  if (typeof prompt !== 'string') return '`prompt` must be a text'
  const [baseline, candidate] = [readAnswer(line['baseline']), readAnswer(line['candidate'])]
  if (typeof baseline === 'string') return `baseline: ${baseline}`
  if (typeof candidate === 'string') return `candidate: ${candidate}`
  return {
    id,
    task: textOr(task, ''),
    prompt,
    reference: typeof reference === 'string' ? reference : null,
    tenant: textOr(tenant, ''),
    unit: textOr(unit, id),
    baseline,
    candidate,
  }
}

function readAnswer(value: unknown): RecordedAnswer | string {
  const answer = fieldsOf(value)
  if (answer === null) return 'is no object'
  const { model, output, latency_s: seconds, cost_usd: usd, output_tokens: tokens } = answer
  if (typeof model !== 'string') return '`model` must be a text'
  if (typeof output !== 'string') return '`output` must be a text'
  if (!isAmount(seconds)) return '`latency_s` must be a number of at least 0'
  return {
    model,
    output,
    durationMs: Math.round(seconds * 1_000),
    costMicroUsd: isAmount(usd) ? Math.round(usd * 1e6) : null,
    outputTokens: isAmount(tokens) ? tokens : null,
  }
}

/**
 * The golden set that the references of a recording make under the rules of their tasks. A pair without a reference or of a task without a rule has
 * none. A reference that does not fit its own rule is a problem: every answer would count as wrong.
 */
export function goldenEntriesOf(
  pairs: readonly RecordedPair[],
  rules: TaskRules,
): { readonly entries: readonly GoldenEntry[]; readonly problems: readonly string[] } {
  const entries: GoldenEntry[] = []
  const problems: string[] = []
  for (const { id, task, prompt, reference } of pairs) {
    const rule = Object.hasOwn(rules, task) ? rules[task] : undefined
    if (rule === undefined || reference === null) continue
    const expected = rule.kind === 'last_match' ? lastMatch(rule, reference) : reference
    if (expected === null) problems.push(`${id}: the reference does not fit the rule of task \`${task}\``)
    else entries.push({ ref: id, promptHash: sha256Hex(prompt), expected, rule })
  }
  return { entries, problems }
}

/** Finds the golden entry of a pair: by its id, else by its prompt. */
export function goldenLookup(entries: readonly GoldenEntry[]): (pair: RecordedPair) => GoldenEntry | null {
  const byRef = new Map(entries.flatMap((entry) => (entry.ref === null ? [] : [[entry.ref, entry] as const])))
  const byPrompt = new Map(
    entries.flatMap((entry) => (entry.promptHash === null ? [] : [[entry.promptHash, entry] as const])),
  )
  return ({ id, prompt }) => byRef.get(id) ?? byPrompt.get(sha256Hex(prompt)) ?? null
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
