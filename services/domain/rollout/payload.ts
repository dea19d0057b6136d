import type { Frozen } from '../gate/plan.ts'
import type { Verdict, VerdictOutcome } from '../gate/verdict.ts'

/** Reads a command's JSON payload. Payloads come from outside: whatever is not as it should be is a refusal, never an exception. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function readObject(payload: string): Read<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = payload === '' ? {} : JSON.parse(payload)
    return isRecord(value) ? { ok: true, value } : { ok: false, problem: 'payload is not a JSON object' }
  } catch {
    return { ok: false, problem: 'payload is not JSON' }
  }
}

const outcomes: Readonly<Record<VerdictOutcome, true>> = {
  advance: true,
  hold: true,
  review: true,
  rollback: true,
  calibrated: true,
}

function isOutcome(value: unknown): value is VerdictOutcome {
  return typeof value === 'string' && Object.hasOwn(outcomes, value)
}

function isNumberRecord(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((item) => typeof item === 'number' && Number.isFinite(item))
}

function isFrozen(value: unknown): value is Frozen {
  if (!isRecord(value)) return false
  return (
    isNumberRecord(value['baselineValues']) &&
    isNumberRecord(value['discordanceFloors']) &&
    isNumberRecord(value['clipBounds']) &&
    typeof value['pairs'] === 'number' &&
    Number.isFinite(value['pairs'])
  )
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isOptionalNumber(value: unknown): boolean {
  return value === null || (typeof value === 'number' && Number.isFinite(value))
}

/** Checks what the state machine relies on; the numbers of single metrics are passed on to the record as they came. */
export function readVerdict(payload: string): Read<Verdict> {
  const read = readObject(payload)
  if (!read.ok) return read
  const value = read.value
  if (!isOutcome(value['outcome']))
    return { ok: false, problem: `verdict outcome ${JSON.stringify(value['outcome'] ?? null)} is not known` }
  for (const field of ['reasonCode', 'reason', 'planHash', 'gate'] as const) {
    if (typeof value[field] !== 'string') return { ok: false, problem: `verdict ${field} is not a text` }
  }
  for (const field of ['n', 'frontierMs'] as const) {
    if (!isCount(value[field])) return { ok: false, problem: `verdict ${field} is not a number of at least 0` }
  }
  for (const field of ['nRequired', 'etaAtMs'] as const) {
    if (!isOptionalNumber(value[field] ?? null))
      return { ok: false, problem: `verdict ${field} is neither a number nor null` }
  }
  if (!Array.isArray(value['metrics'])) return { ok: false, problem: 'verdict metrics is not a list' }
  if (value['outcome'] === 'calibrated' && !isFrozen(value['frozen']))
    return { ok: false, problem: 'a calibrated verdict has no usable frozen values' }
  // Checked above field by field; the rest is only copied to the record.
  return { ok: true, value: value as unknown as Verdict }
}
