import type { Evidence } from './records.ts'

type Fields = Readonly<Record<string, unknown>>

const texts = ['id', 'exchange_id', 'source', 'unit', 'assignment_unit', 'tenant'] as const
const numbers = ['version', 'horizon_ms', 'arrived_at', 'turn', 'inclusion_p'] as const
const placeTexts = ['run', 'wave', 'stage', 'rule'] as const
const placeNumbers = ['stage_entry', 'epoch', 'candidate_weight'] as const
const comparisons: readonly unknown[] = ['live_ab', 'content_ab', 'shadow_ab', 'aa'] satisfies Evidence['comparison'][]
const arms: readonly unknown[] = ['baseline', 'candidate', null]

/** Reads one evidence record that was exported as JSON, in the fields of its Avro schema; a text says what is wrong with it. */
export function readEvidence(value: unknown): Evidence | string {
  const record = fieldsOf(value)
  if (record === null) return 'is no JSON object'
  const place = fieldsOf(record['place'])
  if (place === null) return '`place` must be an object'
  const problem =
    missing(record, texts, 'string') ??
    missing(record, numbers, 'number') ??
    missing(place, placeTexts, 'string', 'place.') ??
    missing(place, placeNumbers, 'number', 'place.')
  if (problem !== null) return problem
  if (!comparisons.includes(record['comparison'])) return '`comparison` is not known'
  if (!arms.includes(record['arm'])) return '`arm` must be baseline, candidate or null'
  if (typeof record['late'] !== 'boolean') return '`late` must be true or false'
  if (fieldsOf(record['segments']) === null) return '`segments` must be an object'
  if (!Array.isArray(record['metrics']) || !record['metrics'].every(isMetric))
    return '`metrics` must be a list of name, baseline and candidate'
  // Checked above as far as a gate relies on it; resolutions are compared with known ones only.
  return value as Evidence
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

function missing(record: Fields, names: readonly string[], type: 'string' | 'number', prefix = ''): string | null {
  const name = names.find((field) => typeof record[field] !== type)
  return name === undefined ? null : `\`${prefix}${name}\` must be a ${type === 'string' ? 'text' : 'number'}`
}

function isMetric(value: unknown): boolean {
  const metric = fieldsOf(value)
  return (
    typeof metric?.['name'] === 'string' &&
    [metric['baseline'], metric['candidate']].every((number) => number === null || typeof number === 'number')
  )
}
