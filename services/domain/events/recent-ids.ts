/** The latest ids, oldest forgotten first. */
export interface RecentIds {
  has(id: string): boolean
  add(id: string): void
  delete(id: string): void
  readonly size: number
}

export function createRecentIds(limit: number): RecentIds {
  // Insertion order is age.
  const ids = new Set<string>()
  return {
    has: (id) => ids.has(id),
    add(id) {
      const oldest = ids.size >= limit ? ids.values().next().value : undefined
      if (oldest !== undefined) ids.delete(oldest)
      ids.add(id)
    },
    delete: (id) => void ids.delete(id),
    get size() {
      return ids.size
    },
  }
}
