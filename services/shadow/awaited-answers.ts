/** Which route an exchange belongs to, until its live answer is seen: a Response does not say. The latest `limit` exchanges, oldest forgotten first. */
export interface AwaitedAnswers {
  add(exchangeId: string, route: string): void
  /** The route, once; null when it is not known. */
  take(exchangeId: string): string | null
}

export function createAwaitedAnswers(limit: number): AwaitedAnswers {
  // Insertion order is age.
  const routes = new Map<string, string>()
  return {
    add(exchangeId, route) {
      const oldest = routes.size >= limit ? routes.keys().next().value : undefined
      if (oldest !== undefined) routes.delete(oldest)
      routes.set(exchangeId, route)
    },
    take(exchangeId) {
      const route = routes.get(exchangeId) ?? null
      routes.delete(exchangeId)
      return route
    },
  }
}
