import { type Attribute, type SearchedSlice, searchLimits } from './searched-slice.ts'

/** How many of the first pairs had exactly these attributes. */
export interface AttributeTally {
  readonly attributes: readonly Attribute[]
  readonly pairs: number
}

type Parts = SearchedSlice['parts']

interface Counted {
  readonly parts: Parts
  readonly pairs: number
}

/** Two slices are one when at least this share of the smaller lies in both. */
const sameShare = 0.98

/**
 * The slices that a search tracks, chosen from its first pairs by their numbers alone and fixed from then on; no outcome is looked at. First the values of
 * each key (the most frequent; the others together are its rest), then the 2-way crosses that are less than either part, the most frequent first.
 * @param keys that are searched; null: the tenant and the most frequent segment keys
 */
export function chooseSlices(tallies: readonly AttributeTally[], keys: readonly string[] | null): SearchedSlice[] {
  const total = tallies.reduce((sum, { pairs }) => sum + pairs, 0)
  const singles = valuesOf(tallies, keys)
    .filter(({ pairs }) => pairs < sameShare * total)
    .slice(0, searchLimits.slicesMax)
  const joint = jointCounts(tallies, singles)
  const values = singles.map(({ parts, pairs }, index): SearchedSlice => {
    const holds = (other: number) =>
      (singles[other]?.pairs ?? 0) > pairs &&
      (joint.get(codeOf(index, other, singles.length)) ?? 0) >= sameShare * pairs
    return { parts, within: singles.flatMap((_, other) => (other !== index && holds(other) ? [other] : [])) }
  })
  const crosses = [...joint].flatMap(([code, pairs]) => {
    const of = [Math.floor(code / singles.length), code % singles.length] as const
    const [first, second] = [singles[of[0]], singles[of[1]]]
    if (first === undefined || second === undefined || pairs < searchLimits.crossPairsMin) return []
    if (pairs >= sameShare * Math.min(first.pairs, second.pairs)) return []
    return [{ parts: [...first.parts, ...second.parts], within: of, pairs }]
  })
  const room = searchLimits.slicesMax - values.length
  return [
    ...values,
    ...crosses
      .sort(mostFirst)
      .slice(0, room)
      .map(({ parts, within }) => ({ parts, within })),
  ]
}

/** Values of the searched keys with enough pairs; the rest of a key where enough was left out. */
function valuesOf(tallies: readonly AttributeTally[], keys: readonly string[] | null): Counted[] {
  const byKey = new Map<string, Map<string, number>>()
  for (const { attributes, pairs } of tallies) {
    for (const [key, value] of attributes) {
      const values = byKey.get(key) ?? new Map<string, number>()
      byKey.set(key, values)
      values.set(value, (values.get(value) ?? 0) + pairs)
    }
  }
  return searchedKeys(byKey, keys).flatMap((key) => {
    const all = [...(byKey.get(key) ?? [])]
      .map(([value, pairs]): Counted => ({ parts: [{ key, value }], pairs }))
      .sort(mostFirst)
    const kept = all.slice(0, searchLimits.valuesMax).filter(({ pairs }) => pairs >= searchLimits.valuePairsMin)
    const left = all.slice(kept.length).reduce((sum, { pairs }) => sum + pairs, 0)
    return left < searchLimits.valuePairsMin ? kept : [...kept, { parts: [{ key, value: null }], pairs: left }]
  })
}

function searchedKeys(
  byKey: ReadonlyMap<string, ReadonlyMap<string, number>>,
  keys: readonly string[] | null,
): readonly string[] {
  if (keys !== null) return keys.filter((key) => byKey.has(key)).slice(0, searchLimits.keysMax)
  const pairsOf = (key: string) => [...(byKey.get(key) ?? [])].reduce((sum, [, pairs]) => sum + pairs, 0)
  return [...byKey.keys()]
    .map((key) => ({ key, pairs: pairsOf(key) }))
    .sort((a, b) => rank(a.key) - rank(b.key) || b.pairs - a.pairs || alphabetical(a.key, b.key))
    .slice(0, searchLimits.keysMax)
    .map(({ key }) => key)
}

function rank(key: string): number {
  return key === 'tenant' ? 0 : 1
}

/** Two singles → how many of the first pairs have both. The rest of a key is crossed with nothing. */
function jointCounts(tallies: readonly AttributeTally[], singles: readonly Counted[]): Map<number, number> {
  const indexOf = new Map(singles.map(({ parts }, index) => [JSON.stringify(parts), index]))
  const joint = new Map<number, number>()
  for (const { attributes, pairs } of tallies) {
    const present = attributes.flatMap(([key, value]) => indexOf.get(JSON.stringify([{ key, value }])) ?? [])
    for (const [at, a] of present.entries()) {
      for (const b of present.slice(at + 1)) {
        const code = codeOf(a, b, singles.length)
        joint.set(code, (joint.get(code) ?? 0) + pairs)
      }
    }
  }
  return joint
}

function codeOf(a: number, b: number, singles: number): number {
  return Math.min(a, b) * singles + Math.max(a, b)
}

function mostFirst(a: Counted, b: Counted): number {
  return b.pairs - a.pairs || alphabetical(JSON.stringify(a.parts), JSON.stringify(b.parts))
}

function alphabetical(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
