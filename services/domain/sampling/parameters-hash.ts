import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { statefulFields } from './replay-body.ts'

/** What a request asks about and how the answer is carried; everything else changes the answer itself. */
const noParameters: ReadonlySet<string> = new Set([
  ...statefulFields,
  'model',
  'messages',
  'system',
  'input',
  'instructions',
  'prompt',
  'n',
  'stream',
  'stream_options',
])

/**
 * First 16 hex of SHA-256 over a request's parameters (temperature, limits, tools, format …), whatever their order: equal for the live call and its
 * replay, so that legs asked differently can be told apart.
 */
export function parametersHash(body: Readonly<Record<string, unknown>>): string {
  const parameters = Object.fromEntries(Object.entries(body).filter(([name]) => !noParameters.has(name)))
  return bytesToHex(sha256(new TextEncoder().encode(canonical(parameters)))).slice(0, 16)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' &&
    item !== null &&
    !Array.isArray(item) &&
    Object.getPrototypeOf(item) === Object.prototype
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
