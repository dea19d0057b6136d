import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { RolloutSpec } from './spec.ts'

/** JSON with sorted keys: the same value has the same text whoever wrote it. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

/** SHA-256 (hex) over baseline and candidate variants: what the cooldown and the attempt number know a candidate by. */
export function candidateHash(spec: Pick<RolloutSpec, 'baseline' | 'candidate'>): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson({ baseline: spec.baseline, candidate: spec.candidate }))))
}

/** A salt of its own per run and purpose (hex, 16 characters): units that were candidates in one run are not so in the next. */
export function runSalt(runId: string, purpose: 'split' | 'shadow'): string {
  return bytesToHex(sha256(utf8ToBytes(`${purpose}\u001f${runId}`))).slice(0, 16)
}
