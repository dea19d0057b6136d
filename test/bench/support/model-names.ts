/** What each route's two models are called. */
export const baselineModel = (route: string) => `old-${route}`
export const candidateModel = (route: string) => `new-${route}`
