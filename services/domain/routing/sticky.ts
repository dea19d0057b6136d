import murmurhash from 'murmurhash'

/** Weights and buckets are parts of this. */
export const buckets = 100_000

/** murmur3_x86_32 of the UTF-8 bytes of salt + unit, modulo 100000. As a weight grows, units only ever move towards the candidate. */
export function bucketOf(salt: string, unit: string): number {
  return murmurhash.v3(salt + unit, 0) % buckets
}
