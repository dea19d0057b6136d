import type { Place, PlannedLeg } from '../events/records.ts'

/** Keeps equal small values once: each record brings its own copy of what a whole run has in common, and a million exchanges may be open. */
export interface SharedValues {
  place(value: Place): Place
  legs(value: readonly PlannedLeg[]): readonly PlannedLeg[]
  segments(value: Readonly<Record<string, string>>): Readonly<Record<string, string>>
  text(value: string): string
}

/** Values of each kind that are remembered; then they are forgotten and remembered anew. */
const rememberedMax = 1_000

export function createSharedValues(): SharedValues {
  return {
    place: sharing((place) => Object.values(place).join('\u001f')),
    legs: sharing((legs) => legs.map((leg) => Object.values(leg).join('\u001f')).join('\u001e')),
    segments: sharing((segments) => Object.entries(segments).flat().join('\u001f')),
    text: sharing((text) => text),
  }
}

function sharing<T>(keyOf: (value: T) => string): (value: T) => T {
  const known = new Map<string, T>()
  return (value) => {
    const key = keyOf(value)
    const first = known.get(key)
    if (first !== undefined) return first
    if (known.size >= rememberedMax) known.clear()
    known.set(key, value)
    return value
  }
}
