/** What each route's two models are called. */
export const baselineModel = (route: string) => `old-${route}`
export const candidateModel = (route: string) => `new-${route}`

const free = { inputUsdPerMillion: 0, outputUsdPerMillion: 0 }

/** Prices of the models of these routes: without one no shadow call of a model can be paid for, and none is made. */
export function freeOfCharge(routes: readonly string[]): Readonly<Record<string, typeof free>> {
  return Object.fromEntries(
    routes.flatMap((route) => [baselineModel(route), candidateModel(route)].map((model) => [model, free])),
  )
}
