/** Key and value, such as a tier or the tenant. */
export type Attribute = readonly [key: string, value: string]

/** A slice that a search tracks. Plain data. */
export interface SearchedSlice {
  /** One or two conditions that all hold; value null: every value of the key that is no slice of its own. */
  readonly parts: readonly { readonly key: string; readonly value: string | null }[]
  /** Indices of the slices that hold this one whole. */
  readonly within: readonly number[]
}

/** Bounds of a search. Shares below those of `valuePairsMin` would not come to the pairs that a finding needs within 40,000 pairs. */
export const searchLimits = {
  /** Pairs from which the slices are chosen. */
  pairsToChoose: 1_000,
  slicesMax: 500,
  /** Keys searched, the tenant among them. */
  keysMax: 8,
  /** Values of a key that are slices of their own; the others are its rest. */
  valuesMax: 50,
  valuePairsMin: 5,
  crossPairsMin: 10,
  /** Names longer than this are not searched, values are cut; of one pair the first keys alone (by alphabet) are looked at. */
  charactersMax: 128,
  attributesMax: 16,
  /** Pairs that a finding rests on, one a unit; never fewer than the policy's fewest units. */
  pairsMin: 200,
  /** Findings told in one verdict. */
  findingsMax: 20,
  /** Waves of a sequence whose searches are kept: the present one, and the one before, whose last records may still come. Side by side all are. */
  wavesMax: 2,
} as const
